"""A page of feedback: what was tested, what went wrong, and what was written.

It runs nothing, asks the network for nothing, and stays small.
"""
import re
from html import escape

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

ANSWER, PROBLEM, TRACE = 18_000, 1500, 2500   # bytes at most
FORMAT = HtmlFormatter(nowrap=True, noclasses=False)
STYLE = '''
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46em;
  margin: 1em auto; padding: 0 1em; }
table { border-collapse: collapse; }
td, th { padding: .2em .8em .2em 0; text-align: left; }
pre { background: #8881; padding: .7em; overflow-x: auto; font-size: 14px; }
.words { white-space: pre-wrap; overflow-wrap: anywhere; }
svg { display: block; margin: 1em 0; max-width: 100%; height: auto; }
svg text { font: 12px sans-serif; fill: currentColor; }
.k, .kn, .ow { font-weight: bold; } .c1, .sd, .s1 { opacity: .7; }
'''
COLOURS = '#0072b2', '#d55e00'
SIDE, EDGE = 260, 24


def picture(call):
    """Boxes of a call as SVG: first and second argument in two colours."""
    name, arguments = call
    groups = {'iou': arguments[:2], 'nms': arguments[1:2],
              'label_anchors': arguments[:2]}.get(name, [])
    if name == 'label_anchors':
        objects = [row[1:] for row in groups[0] if row[0] >= 0]
        groups = [list(zip(*objects)), groups[1]]
    boxes = [(corners, colour, f'{"ab"[number]}{place}' if name == 'iou'
              else str(place))
             for number, (group, colour) in enumerate(zip(groups, COLOURS))
             for place, corners in enumerate(zip(*group))]
    if not 0 < len(boxes) <= 30:
        return ''
    low = [min(corners[axis] for corners, *_ in boxes) for axis in (0, 1)]
    high = max(corners[axis + 2] - low[axis] for corners, *_ in boxes
               for axis in (0, 1)) or 1
    drawn = []
    for corners, colour, label in boxes:
        x1, y1, x2, y2 = (EDGE + SIDE * (corner - low[side % 2]) / high
                          for side, corner in enumerate(corners))
        drawn.append(
            f'<rect x="{x1:.1f}" y="{y1:.1f}" width="{x2 - x1:.1f}" '
            f'height="{y2 - y1:.1f}" fill="{colour}" fill-opacity=".12" '
            f'stroke="{colour}" stroke-width="2"/>'
            f'<text x="{x1 + 4:.1f}" y="{y2 - 5:.1f}">{label}</text>')
    side = SIDE + 2 * EDGE
    return (f'<svg viewBox="0 0 {side} {side}" width="{side}" role="img" '
            f'aria-label="The boxes of a test">{"".join(drawn)}</svg>')


def shortened(text, most):
    """Text as HTML of so many bytes at most."""
    html = escape(text).encode()
    if len(html) <= most:
        return html.decode()
    return re.sub('&[^;]*$', '', html[:most].decode('utf-8', 'ignore')) + (
        '\n… and more')


def said(name, result, assignment, show_hidden):
    """What went wrong in a cell of tests, without numbers of hidden ones."""
    problem = result['problem']
    if assignment.hidden(name) and not show_hidden:
        for numbers in ' You return\n', ' The shape is ':
            problem = problem.split(numbers)[0]
    return problem


def of_task(task, results, points, assignment, show_hidden):
    """HTML of a task: two lines in words, then a picture and the details."""
    names = [name for name in assignment.tests
             if name.split('-')[0] == task]
    wrong = [name for name in names if results[name]['problem']]
    tested = '; '.join(assignment.about(name).rstrip('.') for name in names)
    problem = said(wrong[0], results[wrong[0]], assignment,
                   show_hidden).split('\n')[0] if wrong else (
        'nothing, all tests pass.')
    html = [f'<h2>{task}: {points:g} of {assignment.tasks[task]:g}</h2>'
            f'<p><b>Tested:</b> {escape(tested)}.<br>'
            f'<b>Went wrong:</b> {shortened(problem, 500)}</p>']
    shown = [name for name in names
             if show_hidden or not assignment.hidden(name)]
    seen = next((name for name in wrong if name in shown), shown[0])
    calls = results[seen]['calls']
    if calls:
        html.append(picture(calls[-1 if seen in wrong else 0]))
    for name in wrong:
        details = said(name, results[name], assignment, show_hidden)
        trace = shortened(results[name]['trace'], TRACE)
        html.append(
            f'<details><summary>{escape(assignment.about(name))}: 0 of '
            f'{assignment.points[name]:g}</summary><pre class="words">'
            f'{shortened(details, PROBLEM)}</pre>'
            + (f'<pre>{trace}</pre>' if trace else '')
            + (f'<pre>{escape(assignment.source[name])}</pre>'
               if name in shown else '') + '</details>')
    return ''.join(html)


def page(submission, row, results, given, assignment, show_hidden=False):
    """The page of a student.

    Parameters
    ----------
    submission : Submission
    row : dict
        As in the table of marks.
    results : dict
        By cell of tests, as of `marks.run_tests`.
    given : Given or None
        Points by hand.
    assignment : Assignment
    show_hidden : bool
        Whether hidden tests are printed.
    """
    student = escape(submission.student)
    total = '' if row['total'] is None else f'{row["total"]:g}'
    html = [f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width">'
            f'<title>{student}</title><style>{STYLE}</style></head><body>'
            f'<h1>{student}</h1><p>{total} of {row["of"]:g} points</p>']
    for task in assignment.tasks:
        if task != assignment.open:
            html.append(of_task(task, results, row[task] or 0, assignment,
                                show_hidden))
        else:
            points = row[task]
            html.append(f'<h2>{task}: ' + (
                'not read yet' if points is None else
                f'{points:g} of {assignment.tasks[task]:g}') + '</h2>')
            if given and given.comment:
                html.append('<p class="words"><b>Comment:</b> '
                            f'{escape(given.comment)}</p>')
        answer = submission.answers.get(task, '')
        words = shortened(answer, ANSWER)
        code = highlight(answer[:ANSWER], PythonLexer(), FORMAT)
        html.append(
            '<p>It was left as it was handed out.</p>' if not answer
            else f'<p class="words">{words}</p>' if task == assignment.open
            else '<details><summary>What you wrote</summary><pre>'
            f'{code if len(code) <= ANSWER else words}</pre></details>')
    return ''.join([*html, '</body></html>'])
