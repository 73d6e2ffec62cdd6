"""A Sphinx extension: say in MyST what a notebook says in plain Markdown.

A notebook has to read well in JupyterLab, which knows no directives. So it
numbers its figures, exercises and references by hand; in the book they are
numbered and linked by Sphinx. What a reader downloads is the notebook itself.
"""
import json
import re
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from book_figures import place_figures

FENCE = ':::'
NBSP = '\N{NO-BREAK SPACE}'


def text(cell):
    return ''.join(cell['source'])


def markdown(source, name):
    return {'cell_type': 'markdown', 'id': name, 'metadata': {},
            'source': source}


def link_pages(source):
    """Links from one file of the repository to another one, as pages."""
    source = re.sub(r'\]\((?:\.\./)?README\.md#differences[^)]*\)',
                    '](/reference/differences.md)', source)
    source = source.replace('](../docs/', '](/')
    source = re.sub(r'\]\((?:\.\./)?notebooks/', '](/notebooks/', source)
    # Files that are no pages: their name has to do.
    return re.sub(r'(?<!!)\[([^\]]+)\]\(\.\./(?!img/)[^)]*\)', r'\1', source)


def keep_together(source):
    """Signs and their figures, on one line of a narrow table."""
    return re.sub(r'([±≤≥]) ', rf'\1{NBSP}', source)


def for_readers(source, students):
    """Without what is for teachers only, or without the marks around it."""
    return re.sub(r'^:::\{only\} teachers\n(.*?)^:::\n',
                  '' if students else r'\1', source, flags=re.M | re.S)


def link_objects(source):
    """A name of the library leads to its documentation."""
    return re.sub(r'(?<!`)`(d2l\.\w+)`', r'{py:obj}`\1`', source)


def number_figures(source, stem):
    """Figures by number: in their captions and where the text names them."""
    source = re.sub(
        r'!\[([^\]]*)\]\(([^)]*)\)\n\n\*\*Figure (\d)\.\*\* \*(.*)\*',
        lambda m: f'{FENCE}{{figure}} {m[2]}\n:name: figure-{stem}-{m[3]}\n'
                  f':alt: {m[1]}\n\n{m[4]}\n{FENCE}', source)
    return re.sub(r'Figure (\d)',
                  lambda m: f'{{numref}}`figure-{stem}-{m[1]}`', source)


def caption_pictures(source):
    """A picture on a line of its own is a figure; it tells what it shows."""
    return re.sub(
        r'^!\[([^\]]+)\]\((?!data:)([^)]+)\)$',
        rf'{FENCE}{{figure}} \2\n:alt: \1\n\n\1.\n{FENCE}', source, flags=re.M)


def number_equations(source, stem, count):
    """Formulas that stand alone, from number `count` on."""
    def label(match):
        nonlocal count
        count += 1
        return f'{match[0]} (equation-{stem}-{count})'
    return re.sub(r'^\$\$.+?\$\$$', label, source, flags=re.M | re.S), count


def key(author, year):
    """The key in references.bib: the first author's surname and the year."""
    return author.lower() + year


def cite(source, stem):
    """References in the text lead to those at the end of the page."""
    source = re.sub(
        r'\(\[(\w+)[^\]]*, (\d{4})\]\(#References\)\)',
        lambda m: f'{{cite:p}}`{stem}-{key(m[1], m[2])}`', source)
    source = re.sub(
        r'\[(\w+)[^\]]*, (\d{4})\]\(#References\)',
        lambda m: f'{{cite:t}}`{stem}-{key(m[1], m[2])}`', source)
    return source.replace('](#References)', '](#references)')


def bibliography(source, stem):
    """The references of a section, from references.bib."""
    keys = [key(author, year) for author, year in re.findall(
        r'^\* (?:\S+ )+?(\w+)(?:,.*?)? \((\d{4})\)\.', source, re.M)]
    return (f'## References\n\n```{{bibliography}}\n:keyprefix: {stem}-\n'
            f':filter: key % "^({"|".join(keys)})$"\n```\n')


def exercises(source, stem):
    """A numbered exercise for each entry of the list."""
    numbers = iter(range(1, 100))

    def directive(match):
        return (f'{FENCE}{{exercise}}\n:label: {stem}-exercise-'
                f'{next(numbers)}\n\n{match[1]}\n{FENCE}\n')
    return re.sub(r'^1\. (.*)\n?', directive, source, flags=re.M)


def solution(number, cells, stem):
    """Cells between the marks of a folded solution."""
    start = (f'```{{solution-start}} {stem}-exercise-{number}\n'
             f':label: {stem}-solution-{number}\n```')
    return [markdown(start, f'start-{number}'), *cells,
            markdown('```{solution-end}\n```', f'end-{number}')]


def split_solutions(cell):
    """Pairs (number or None, cell): a cell of text may solve several."""
    if cell['cell_type'] == 'code':
        match = re.match(r'# Solution (\d)', text(cell))
        return [(match and int(match[1]), cell)]
    parts = re.split(r'\*\*Solution (\d)\.\*\* ', text(cell))
    return [(int(number), markdown(part, f'solution-{number}'))
            for number, part in zip(parts[1::2], parts[2::2])]


def gather_solutions(cells, stem):
    """Everything between the exercises and the references, by exercise."""
    grouped, result = {}, []
    for cell in cells:
        if 'solution' in cell['metadata'].get('tags', []):
            for number, part in split_solutions(cell):
                # Code without a number goes on with the last solution.
                number = number or max(grouped)
                grouped.setdefault(number, []).append(part)
            continue
        if grouped:
            for number in sorted(grouped):
                result += solution(number, grouped[number], stem)
            grouped = {}
        result.append(cell)
    return result


def describe(cell, stem):
    """The description of a picture, which nbconvert knows as `alt`.

    Its caption is in the notebook, as MyST-NB asks for it.
    """
    if 'alt' in cell['metadata']:
        shown = cell['metadata'].setdefault('mystnb', {})
        shown['image'] = {'alt': cell['metadata']['alt']}
        if 'figure' in shown:
            shown['figure']['name'] = f'figure-{stem}-{cell["id"]}'


def let_pictures_shrink(cell):
    """Of their size only the width is said: a phone has less than that."""
    for output in cell['outputs']:
        output.get('metadata', {}).get('image/png', {}).pop('height', None)


def embed(cell):
    """Pictures that were pasted into a cell, in place of their names."""
    source = text(cell)
    for name, kinds in cell.get('attachments', {}).items():
        kind, data = next(iter(kinds.items()))
        data = ''.join(data).replace('\n', '')
        for written in (name, quote(name)):
            source = source.replace(f'attachment:{written})',
                                    f'data:{kind};base64,{data})')
    return source


def facts(stem, readme, exercises, made):
    """A line below the title: how long it takes, and what belongs to it."""
    row = re.search(rf'^\| \[[^]]*\]\(notebooks/{stem}\.ipynb\) \| .*? \| '
                    r'(\d+) min \| (\d+) (s|min) \|', readme, re.M)
    parts = []
    if row:
        unit = {'s': 'seconds', 'min': 'minutes'}[row[3]]
        parts.append(f'{row[1]} minutes to read, {row[2]} {unit} to run')
    if exercises:
        parts.append('[Exercises](#exercises)')
    # What was made before the pages, in the folder `made`.
    for file, name in ((f'slides/{stem}.html', 'Slides'),
                       (f'pdf/{stem}.pdf', 'PDF')):
        if (made / file).exists():
            parts.append(f'<a href="../{file}">{name}</a>')
    return '{.facts}\n' + ' · '.join(parts)


def prepare(notebook, stem):
    """A notebook (dict) as the book shows it."""
    cells = place_figures(gather_solutions(notebook['cells'], stem))
    equations = 0
    for cell in cells:
        if cell['cell_type'] == 'code':
            describe(cell, stem)
            let_pictures_shrink(cell)
            continue
        source = embed(cell)
        if source.startswith('## References'):
            source = bibliography(source, stem)
        elif source.startswith('## Exercises\n'):
            source = exercises(source, stem)
        source = number_figures(link_pages(cite(source, stem)), stem)
        source, equations = number_equations(source, stem, equations)
        cell['source'] = link_objects(caption_pictures(source))
    return {**notebook, 'cells': cells}


def below_title(source, line):
    """A page with a line below its first one, the title."""
    return re.sub(r'\n|$', lambda _: f'\n\n{line}\n', source, count=1)


def add_facts(app, notebook, stem):
    """Put the line of facts below the first line, the title."""
    title = notebook['cells'][0]
    exercises = any(text(cell).startswith('## Exercises\n')
                    for cell in notebook['cells'])
    line = facts(stem, (app.srcdir / 'README.md').read_text('utf-8'),
                 exercises, Path(app.outdir))
    title['source'] = below_title(text(title), line)


def read(app, docname, content):
    """Called by Sphinx with the content of a file before it is parsed."""
    name, students = PurePosixPath(docname), app.tags.has('students')
    if str(name.parent) == 'notebooks':
        notebook = prepare(json.loads(content[0]), name.name)
        if app.builder.name == 'html':
            add_facts(app, notebook, name.name)
        content[0] = json.dumps(notebook)
        if app.builder.name == 'singlehtml':   # on paper nothing unfolds
            content[0] = content[0].replace('<details>', '<details open>')
    else:
        content[0] = keep_together(link_objects(caption_pictures(
            link_pages(for_readers(content[0], students)))))
        whole = 'pdf/faster-rcnn.pdf'
        if docname == 'index' and Path(app.outdir, whole).exists():
            content[0] = below_title(
                content[0],
                f'{{.facts}}\n<a href="{whole}">The whole book as PDF</a>')


def setup(app):
    app.connect('source-read', read)
    return {'parallel_read_safe': True, 'parallel_write_safe': True}
