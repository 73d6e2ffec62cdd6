"""A page of feedback: what was tested, what went wrong, and what was written.

It runs nothing, asks the network for nothing, and stays small.
"""
import re
from pathlib import Path

import jinja2
from marks import task_of
from markupsafe import Markup, escape

CAPTIONS = {'iou': 'Boxes of a (blue) and of b (orange).',
            'nms': 'The boxes, by their index.',
            'label_anchors': 'Objects (blue) and anchors (orange).'}
LABELS = {'iou': ('a', 'b'), 'nms': ('',), 'label_anchors': ('object ', '')}
SIDE, EDGE = 260, 24


def shortened(text, most):
    """Text as HTML of so many bytes at most."""
    html = str(escape(text)).encode()
    if len(html) <= most:
        return Markup(html.decode())
    whole = re.sub('&[^;]*$', '', html[:most].decode('utf-8', 'ignore'))
    return Markup(whole + '\n… and more')


PAGES = jinja2.Environment(
    autoescape=True, trim_blocks=True,
    loader=jinja2.FileSystemLoader(Path(__file__).parent))
PAGES.filters['shortened'] = shortened


def picture(call):
    """Boxes of a call as SVG: first and second argument in two colours."""
    name, groups = call
    if name == 'nms':
        groups = groups[1:]     # after the scores
    elif name == 'label_anchors':
        objects = [row[1:] for row in groups[0] if row[0] >= 0]
        groups = [list(zip(*objects)), groups[1]]
    boxes = [(corners, number, f'{label}{place}') for number, (group, label)
             in enumerate(zip(groups, LABELS.get(name, ())))
             for place, corners in enumerate(zip(*group))]
    if not 0 < len(boxes) <= 30:
        return ''
    low = [min(corners[axis] for corners, *_ in boxes) for axis in (0, 1)]
    high = max(corners[axis + 2] - low[axis] for corners, *_ in boxes
               for axis in (0, 1)) or 1
    drawn, names = [], []   # the names above all boxes
    for corners, group, label in boxes:
        x1, y1, x2, y2 = (EDGE + SIDE * (corner - low[side % 2]) / high
                          for side, corner in enumerate(corners))
        drawn.append(
            f'<rect class="group{group}" x="{x1:.1f}" y="{y1:.1f}" '
            f'width="{x2 - x1:.1f}" height="{y2 - y1:.1f}"/>')
        # Boxes that begin at one place have names beside each other.
        names.append(
            f'<text x="{x1 + 4 + 12 * (len(names) % 5):.1f}" '
            f'y="{y2 - 5 if group else y1 + 15:.1f}">{label}</text>')
    side = SIDE + 2 * EDGE
    return Markup(
        f'<figure><svg viewBox="0 0 {side} {side}" width="{side}" role="img" '
        f'aria-label="The boxes of a test">{"".join(drawn + names)}</svg>'
        f'<figcaption>In a test: {CAPTIONS[name]}</figcaption></figure>')


def of_test(name, result, assignment, show_hidden):
    """What the page says about a test that failed.

    Of hidden ones, which nothing that is handed out quotes, no numbers.
    """
    problem, stub = result['problem'], assignment.stubs[name]
    hint = re.split(' You return\n| The shape is ', problem)[0]
    about = assignment.about(name)
    return {'about': about[0].upper() + about[1:], 'hint': hint,
            'points': assignment.points[name],
            'problem': problem if show_hidden or hint in stub else hint,
            'trace': result['trace'],
            'source': assignment.tests[name] if show_hidden
            else stub if 'check(' in stub else ''}


def of_task(task, results, assignment, show_hidden):
    """What the page says about a task that tests grade."""
    names = [name for name in assignment.tests if task_of(name) == task]
    failed = [name for name in names if results[name]['problem']]
    wrong = [of_test(name, results[name], assignment, show_hidden)
             for name in failed]
    # The picture of a test that is handed out, best of one that failed.
    shown = names if show_hidden else names[:1]
    seen = next((name for name in failed if name in shown), shown[0])
    calls = results[seen]['calls']
    return {
        'tested': '; '.join(map(assignment.about, names)),
        'problem': wrong[0]['hint'].split('\n')[0] if wrong
        else 'nothing, all tests pass',
        'picture': picture(calls[-1 if seen in failed else 0])
        if calls else '', 'wrong': wrong}


def page(submission, row, result, given, assignment, show_hidden):
    """The page of a student: the result is one of `grade.grade_one`."""
    results, tasks = result['tests'], []
    for task, most in assignment.tasks.items():
        points = row[task]
        about = {'name': task, 'answer': submission.answers.get(task),
                 'points': 'not read yet' if points is None
                 else f'{points:g} of {most:g}'}
        if task != assignment.open:
            about.update(of_task(task, results, assignment, show_hidden))
            about['cell'] = [remark.split(': ', 1)[1] for remark
                             in result['remarks']
                             if remark.startswith(f'{task}: ')]
            if not about['answer'] and len(about['wrong']) == sum(
                    task_of(name) == task for name in assignment.tests):
                about.update(problem='the cell is as it was handed out',
                             wrong=[])
        tasks.append(about)
    return PAGES.get_template('feedback.html').render(
        student=submission.student, tasks=tasks, of=row['of'],
        total=f'{row["total"] or 0:g}',
        comment=given.comment if given else '')
