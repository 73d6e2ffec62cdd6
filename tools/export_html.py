"""Make one HTML file of an executed notebook, its figures included.

    python tools/export_html.py build/faster-rcnn.ipynb build/out.html
"""
import argparse
from pathlib import Path

from nbconvert import HTMLExporter


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('notebook', type=Path)
    parser.add_argument('output', type=Path)
    args = parser.parse_args()
    # The chapter has no formulas and no widgets that would need a network.
    exporter = HTMLExporter(embed_images=True, mathjax_url='',
                            require_js_url='', jquery_url='')
    exporter.exclude_input_prompt = exporter.exclude_output_prompt = True
    page, _ = exporter.from_filename(
        str(args.notebook), resources={
            'metadata': {'path': str(args.notebook.parent)}})
    args.output.write_text(page, encoding='utf-8')


if __name__ == '__main__':
    main()
