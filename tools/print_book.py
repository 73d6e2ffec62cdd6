"""Print the book's single page into PDF files: all of it, and each section.

    python tools/print_book.py build/print/index.html build/faster-rcnn.pdf

The sections go to a folder beside it, build/faster-rcnn, by the names of their
notebooks.
"""
import argparse
import io
from pathlib import Path

from browser import chromium
from course.whole_files import write_whole
from pypdf import PdfReader

FOOTER = """
<div style="width: 100%; text-align: center; font: 8pt sans-serif">
<span class="pageNumber"></span></div>
"""
MARGIN = '18mm'
# A cover and contents, made of the book's own title, figure and headings. On
# a single page ids are not unique: what is listed gets one of its own.
FRONT = """
() => {
  const article = document.querySelector('.bd-article');
  const make = (name, className, textContent = '') => Object.assign(
    document.createElement(name), {className, textContent});
  const text = node => node.textContent.replace(/#\\s*$/, '').trim();
  const heading = node => node.querySelector(':scope > :is(h1, h2, h3, h4)');
  const cover = make('div', 'paper-cover');
  cover.append(make('p', 'paper-title', 'Faster R-CNN'),
               make('p', '', text(article.querySelector('h1'))),
               article.querySelector('figure img').cloneNode());
  const contents = make('nav', 'paper-contents');
  contents.append(make('p', 'paper-title', 'Contents'));
  const sections =
    '.bd-article > section > section > .toctree-wrapper > section';
  for (const node of document.querySelectorAll(
      `${sections}, :is(${sections}) > section,
       :is(${sections}) > .toctree-wrapper > section`)) {
    const link = make('a', node.matches(sections) ? 'whole' : '',
                      text(heading(node)));
    link.append(make('span', ''));
    heading(node).id = `paper-${contents.childElementCount}`;
    link.href = `#${heading(node).id}`;
    contents.append(link);
  }
  article.prepend(cover, contents);
}
"""
# The number of a page, beside what it is the page of.
NUMBER = """
pages => {
  for (const link of document.querySelectorAll('.paper-contents a'))
    link.dataset.page = pages[link.hash.slice(1)] ?? '';
}
"""
# One section without all that is around it, and what to call its file.
ALONE = """
number => {
  const sections = [...document.querySelector('.toctree-wrapper').children]
    .filter(node => node.matches('section'));
  const node = sections[number];
  if (!node) return null;
  document.querySelectorAll('.alone').forEach(
    other => other.classList.remove('alone'));
  document.body.classList.add('paper-alone');
  node.classList.add('alone');
  return node.previousElementSibling.id.split('/').pop();
}
"""
# Long names in tables break between their words, and code between its lines,
# unless it is short.
BREAKS = """
() => {
  for (const node of document.querySelectorAll('.bd-article pre'))
    node.classList.toggle('short', node.textContent.split('\\n').length < 16);
  for (const node of document.querySelectorAll('.bd-article td .pre'))
    node.innerHTML = node.innerHTML.replaceAll('_', '_<wbr>');
}
"""


def open_page(browser, path):
    """The page, complete: formulas are set by a script."""
    page = browser.new_page(color_scheme='light')
    page.goto(path.resolve().as_uri())
    page.wait_for_function('document.querySelector("mjx-container")')
    page.evaluate('MathJax.startup.promise.then(() => true)')
    # Nothing can be unfolded on paper.
    page.evaluate("document.querySelectorAll('.bd-article details').forEach("
                  "node => { node.open = true; })")
    page.evaluate(BREAKS)
    return page


def printed(page):
    """The bytes of a PDF file."""
    return page.pdf(
        format='A4', outline=True, tagged=True, display_header_footer=True,
        header_template='<div></div>', footer_template=FOOTER,
        margin=dict.fromkeys(('top', 'bottom', 'left', 'right'), MARGIN))


def page_numbers(content):
    """On which page each place is that a link leads to."""
    reader = PdfReader(io.BytesIO(content))
    return {name.lstrip('/'): reader.get_destination_page_number(place) + 1
            for name, place in reader.named_destinations.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('page', type=Path)
    parser.add_argument('output', type=Path)
    args = parser.parse_args()
    folder = args.output.with_suffix('')
    folder.mkdir(parents=True, exist_ok=True)
    # What is printed halfway is not of any sources.
    stamp = args.output.with_suffix('.sources')
    stamp.unlink(missing_ok=True)
    sources = args.page.with_name('sources').read_text()
    with chromium() as browser:
        page = open_page(browser, args.page)
        page.evaluate(FRONT)
        # Once to learn the numbers, and once with them.
        page.evaluate(NUMBER, page_numbers(printed(page)))
        whole, number = printed(page), 0
        while name := page.evaluate(ALONE, number):
            (folder / f'{name}.pdf').write_bytes(printed(page))
            number += 1
    # Whoever finds the whole book finds the sections, too.
    write_whole(args.output, whole)
    stamp.write_text(sources)
    print(f'Open {args.output}, or a section of it in {folder}')


if __name__ == '__main__':
    main()
