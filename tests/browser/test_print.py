"""The book on paper."""
import subprocess
import sys

from helpers import ROOT


def test_the_print_has_every_section(tmp_path):
    """As `make pdf` makes it."""
    site, paper = tmp_path / 'print', tmp_path / 'book.pdf'
    for command in (['book.py', site, '--builder', 'singlehtml'],
                    ['print_book.py', site / 'index.html', paper]):
        subprocess.run([sys.executable, ROOT / 'tools' / command[0],
                        *command[1:]], check=True)
    content = paper.read_bytes()
    assert content.startswith(b'%PDF')
    assert 60 < content.count(b'/Type /Page\n') < 200
    # Entries of the outline, in the encoding of PDF files.
    for title in ('Detection Data', 'Anchors', 'Region Proposal Networks',
                  'Faster R-CNN', 'Exercises Solved', 'References'):
        assert title.encode('utf-16-be') in content or (
            title.encode() in content), title
