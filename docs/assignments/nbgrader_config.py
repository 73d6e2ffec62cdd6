"""How nbgrader makes and grades the assignment.

tools/course/assignments.py copies this file and the source beside it into a
course folder below build/, where nbgrader finds it by its name.
"""
import os

c = get_config()

c.CourseDirectory.course_id = 'faster-rcnn'

c.ClearSolutions.code_stub = {
    'python': '# Write your code here.\nraise NotImplementedError()'}
c.ClearSolutions.text_stub = 'Write your answer here.'

SECONDS = int(os.environ.get('CELL_SECONDS', 30))


def time_limit(cell):
    """Seconds for a cell; loading MXNet may take long on a busy machine."""
    first = cell.metadata.get('nbgrader', {}).get('grade_id') == 'setup'
    return 300 if first else SECONDS


# An endless loop ends, and the next cell has its turn.
c.Execute.timeout_func = time_limit
c.Execute.interrupt_on_timeout = True
# What is printed may come late; whether a test failed is known anyway.
c.Execute.iopub_timeout = SECONDS
c.Execute.raise_on_iopub_timeout = False
# Tests that a student deleted come back.
c.OverwriteCells.add_missing_cells = True
c.LimitOutput.max_lines = 200

# A page of feedback shows what strangers wrote: no script of theirs.
c.HTMLExporter.sanitize_html = True
c.HTMLExporter.mathjax_url = ''
c.HTMLExporter.exclude_anchor_links = True
