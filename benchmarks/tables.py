"""Pages whose text is written by hand and whose tables are measured."""
import re
import sys


def table(header, rows):
    """A table in Markdown."""
    lines = [header, ['---'] * len(header), *rows]
    return '\n'.join(f'| {" | ".join(map(str, line))} |' for line in lines)


def renew(path, parts):
    """The text of a page with its measured parts renewed.

    `parts` are pairs of a name and a text. On the page, a part stands
    between `<!-- name -->` and `<!-- end -->`.
    """
    text = path.read_text('utf-8')
    for name, content in parts:
        text, number = re.subn(
            rf'(<!-- {name} -->\n).*?(\n<!-- end -->)',
            lambda match, content=content: (
                f'{match[1]}\n{content}\n{match[2]}'), text, flags=re.S)
        if number != 1:
            sys.exit(f'{path}: there is no place for the part {name}.')
    return text
