"""Figures in sentences are those that the outputs and results show.

When these are renewed, this points at each sentence to change.
"""
import json
import re

import pytest
from helpers import ROOT, code_cells, markdown_cells, read_notebook, text

PAGES = [*sorted(ROOT.glob('notebooks/*.ipynb')), ROOT / 'README.md',
         ROOT / 'docs' / 'index.md', ROOT / 'docs' / 'teaching.md',
         *sorted(ROOT.glob('docs/slides/*.yml'))]
# Between 0 and 1, with at least two decimals: a precision, a recall, an error.
FIGURE = re.compile(r'(?<![\w.,:/-])0\.\d\d+(?![\w.:/-]|,\d)')
# What was not measured but chosen, or is worked out where it stands.
CHOSEN = {
    'sizes of the anchors': '0.85 0.43 0.21',
    'settings of a training': '0.01 0.0001 0.0005',
    'levels of IoU': '0.55 0.62 0.95',
    'boxes and steps of examples': '0.14 0.18 0.25 0.47 0.54 0.56 0.75 0.98',
    'the figure of the paper': '0.73',
    'what is written in a picture': '0.06',
}


def numbers(content):
    return map(float, re.findall(r'(?<![\w.])0?\.\d+', content))


def outputs(notebook):
    return '\n'.join(
        ''.join(output.get('text', output.get('data', {}).get(
            'text/plain', '')))
        for cell in code_cells(notebook) for output in cell['outputs'])


def values(content):
    """All numbers in the content of a JSON file."""
    if isinstance(content, dict):
        content = list(content.values())
    if isinstance(content, list):
        return [value for part in content for value in values(part)]
    return [content] if isinstance(content, float) else []


def measured():
    found = list(numbers((ROOT / 'docs' / 'results.md').read_text('utf-8')))
    for path in ROOT.glob('docs/results/*.json'):
        found += values(json.loads(path.read_text('utf-8')))
    for path in ROOT.glob('tools/detectors/*/detector.json'):
        found += numbers(json.loads(path.read_text('utf-8'))['note'])
    for path in ROOT.glob('notebooks/*.ipynb'):
        found += numbers(outputs(read_notebook(path.name)))
    return found


def sentences(path):
    """Text of a page, without code and addresses."""
    content = path.read_text('utf-8')
    if path.suffix == '.ipynb':
        content = '\n\n'.join(map(text, markdown_cells(
            read_notebook(path.name)))).split('## References')[0]
    return re.sub(r'```.*?```|`[^`]*`|\]\([^)]*\)', ' ', content, flags=re.S)


@pytest.mark.parametrize('path', PAGES, ids=lambda path: path.name)
def test_a_figure_in_a_sentence_is_one_that_was_measured(path):
    known = set(' '.join(CHOSEN.values()).split())
    found, content = measured(), sentences(path)
    for match in FIGURE.finditer(content):
        decimals = len(match[0]) - 2
        shown = {f'{value:.{decimals}f}' for value in found}
        assert match[0] in known | shown, (
            'no output shows it (anymore): '
            + content[max(match.start() - 60, 0):match.end() + 20])


def test_a_figure_that_nothing_shows_is_found(tmp_path):
    page = tmp_path / 'page.md'
    page.write_text('A mAP of 0.98765, in `0.12345` seconds.', 'utf-8')
    with pytest.raises(AssertionError, match=r'0\.98765'):
        test_a_figure_in_a_sentence_is_one_that_was_measured(page)
    page.write_text('In `0.12345` seconds.', 'utf-8')
    test_a_figure_in_a_sentence_is_one_that_was_measured(page)
