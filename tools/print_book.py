"""Print the book's single page into a PDF file.

    python tools/print_book.py build/print/index.html build/faster-rcnn.pdf
"""
import argparse
from pathlib import Path

from browser import chromium

FOOTER = """
<div style="width: 100%; text-align: center; font: 8pt sans-serif">
<span class="pageNumber"></span></div>
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('page', type=Path)
    parser.add_argument('output', type=Path)
    args = parser.parse_args()
    with chromium() as browser:
        page = browser.new_page(color_scheme='light')
        page.goto(args.page.resolve().as_uri())
        # Formulas are set by a script; only then is the page complete.
        page.wait_for_function('document.querySelector("mjx-container")')
        page.evaluate('MathJax.startup.promise.then(() => true)')
        page.pdf(path=args.output, format='A4', outline=True, tagged=True,
                 display_header_footer=True, header_template='<div></div>',
                 footer_template=FOOTER,
                 margin={'top': '18mm', 'bottom': '20mm', 'left': '18mm',
                         'right': '18mm'})
    print(f'Open {args.output}')


if __name__ == '__main__':
    main()
