"""Lines that the assignment forbids, and submissions that are nearly alike.

Both are for a teacher to look at: no point depends on them.
"""
import builtins
import keyword
import re

FORBIDDEN = re.compile(
    r'\b(d2l|d2l_ext|roi_?pooling|roi_?align|box_iou|box_nms|multibox\w*|'
    r'contrib|getattr|eval|exec|__import__|importlib|__builtins__|'
    r'globals|sys\.modules|setattr)\b|\.Proposal\b|'
    # It changes for all cells what a library does.
    r'^(numpy|np|npx|mxnet|builtins)\.[\w.]+ *=(?!=)', re.I)
# What students write about their code, in it.
PROSE = re.compile(r'("""|\'\'\').*?\1', re.S)
COMMENT = re.compile(r'("[^"\n]*"|\'[^\'\n]*\')|#[^\n]*')
ALIKE = .85
ENOUGH = 60     # words; shorter answers are alike by chance
LETTERS = 100_000   # that are compared: nobody writes more
NAMES = {*keyword.kwlist, *dir(builtins), 'numpy', 'np', 'npx'}


def forbidden_lines(cells, handed_out=()):
    """Remarks that quote what uses, or may use, what is forbidden.

    Lines that were handed out, in any of some sources, are not.
    """
    found, given = [], {*'\n'.join(handed_out).splitlines()}
    for name, source in cells:
        for line in PROSE.sub('', source).splitlines():
            code = COMMENT.sub(r'\1', line).strip()
            if line not in given and FORBIDDEN.search(code):
                found.append(f'{name or "own cell"}: {code[:100]}')
    return found


def shingles(answers, open_question):
    """Runs of five words, for which comments and own names do not matter."""
    code = '\n'.join(source for name, source in sorted(answers.items())
                     if name != open_question)
    code = COMMENT.sub(r'\1', PROSE.sub('', code))
    words = [word if word in NAMES or not word.isidentifier() else 'x'
             for word in re.findall(r'\w+|[^\w\s]', code[:LETTERS])]
    words += re.findall(
        r'\w+', answers.get(open_question, '')[:LETTERS].lower())
    if len(words) < ENOUGH:
        return set()
    return {tuple(words[i:i + 5]) for i in range(len(words) - 4)}


def alike(submissions, open_question):
    """Names of those whose answers are nearly the same, by student."""
    found = {one.student: [] for one in submissions}
    sets = [(one.student, shingles(one.answers, open_question))
            for one in submissions]
    for number, (one, mine) in enumerate(sets):
        for other, theirs in sets[:number]:
            if mine and len(mine & theirs) >= ALIKE * len(mine | theirs):
                found[one].append(other)
                found[other].append(one)
    return found
