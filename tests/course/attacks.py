"""What a student could try. Each row: name, answers, points, a remark.

`{paths}` are files of the grader and of others. What an answer does not
replace is right, and keeps its points: those are of iou, nms, label_anchors
and roi_pool.
"""
ENDLESS = 'while True:\n    pass\n'
RETURN = 'def iou(a, b):\n    return {}\n'
EFFORT = '''
import os, shutil
for path in {paths!r}:
    for attack in (lambda: shutil.rmtree(path), lambda: os.remove(path),
                   lambda: open(path, 'w').write('student,points\\n'),
                   lambda: os.symlink('/tmp', path + '.link')):
        try:
            attack()
        except OSError:
            pass
'''
LOOK = '''
import glob, os
def iou(a, b):
    found = [path for path in {paths!r} if os.path.exists(path)]
    for pattern in ('/[hrt]*/*', '/proc/[0-9]*/environ'):
        for path in glob.glob(pattern):
            try:
                with open(path, errors='replace') as file:
                    found.append(file.read())
            except OSError:
                continue
    raise ValueError('FOUND ' + repr(found))
'''
STAY = '''
import os, subprocess, sys
code = """
import time
while True:
    time.sleep(.1)
    for path in {paths!r}:
        try:
            open(path, 'w').write('outlived')
        except OSError:
            pass
"""
for _ in range(3):
    subprocess.Popen([sys.executable, '-c', code + '# outlives-grading'],
                     start_new_session=True)
if not os.fork():
    os.setsid()
    if not os.fork():
        exec(code)
    os._exit(0)
'''

ROWS = [
    ('check and plain are redefined', {'iou': '''
def check(*_):
    pass
plain = check
''', 'nms': 'nms = label_anchors = roi_pool = lambda *_: None',
        'label_anchors': '', 'roi_pool': ''}, (0, 0, 0, 0), ''),
    ('builtins and NumPy are patched', {'iou': '''
import builtins
numpy.allclose = numpy.array_equal = lambda *_, **__: True
builtins.AssertionError = builtins.all = lambda *_: True
def iou(a, b):
    return [[7]]
'''}, (0, 5, 6, 5), ''),
    ('solutions and others are looked for', {'iou': LOOK}, (0, 5, 6, 5), ''),
    ('files of others are changed', {'iou': EFFORT + RETURN.format(0)},
     (0, 5, 6, 5), ''),
    ('the installation is changed', {'iou': '''
import pathlib, sys
for file in (numpy.__file__, sys.executable, '/usr/bin/env',
             sys.modules['mxnet'].__file__, '/etc/passwd'):
    try:
        open(file, 'a').write('x')
    except OSError:
        pass
    try:
        pathlib.Path(file).with_name('sitecustomize.py').write_text('x')
    except OSError:
        pass
''' + RETURN.format(0)}, (0, 5, 6, 5), ''),
    ('pip', {'iou': '!pip install --upgrade "numpy>=2"\n{iou}'},
     (5, 5, 6, 5), ''),
    ('a process that stays', {'iou': STAY + '\n{iou}'}, (5, 5, 6, 5), ''),
    ('two processes return', {'iou': 'import os\n' + RETURN.format(
        '[os.fork() and 0]')}, (0, 5, 6, 5), ''),
    ('a fork bomb', {'nms': '''
import os
def nms(*_):
    while True:
        try:
            os.fork()
        except OSError:
            pass
'''}, (5, 0, 6, 5), 'nms-tests'),
    ('everybody is killed', {'nms': '''
import os, signal
def nms(*_):
    for process in (-1, 1, os.getppid()):
        try:
            os.kill(process, signal.SIGKILL)
        except OSError:
            pass
'''}, (5, 0, 6, 5), ''),
    ('much is printed', {'iou': 'for _ in range(1000):\n'
                         '    print(100_000 * "x")\n{iou}'},
     (5, 5, 6, 5), ''),
    ('much is returned', {'iou': RETURN.format(
        'numpy.zeros((10_000, 10_000))')}, (0, 5, 6, 5), ''),
    ('much is sent', {'iou': '''
import os
def iou(*_):
    for number in range(3, 30):
        try:
            while True:
                os.write(number, b'1' * 65536)
        except OSError:
            pass
'''}, (0, 5, 6, 5), 'iou-tests'),
    ('much is said', {'iou': 'def iou(*_):\n'
                      '    raise ValueError("<script>" + 10**7 * "x")'},
     (0, 5, 6, 5), ''),
    ('messages are forged', {'iou': '''
import os
def iou(*_):
    for line in (b'{"value": {"shape": [1], "data": ["x"]}}', b'[' * 10**5,
                 b'{"value": ' + b'9' * 10**5 + b'}', b'{"ask": []}',
                 b'{"ask": "iou", "arguments": [1]}', b'null'):
        for number in range(3, 30):
            try:
                os.write(number, line + b'\\n')
            except OSError:
                pass
'''}, (0, 5, 6, 5), ''),
    ('errors are forged', {'iou': '''
import os
for number in range(3, 30):
    try:
        os.write(number, b'{"error": ' + 900 * b'[' + 900 * b']' + b'}\\n')
    except OSError:
        pass
{iou}
'''}, (0, 5, 6, 5), 'iou: stopped, it sent what is no message'),
    ('the grader is to compute for hours', {'iou': RETURN.format('[[7]]'),
                                            'nms': '''
def nms(*_):
    many = numpy.zeros((4, 25_000))
    return iou(many, many)
'''}, (0, 0, 6, 5), ''),
    ('a library is patched', {'iou': 'numpy.array = lambda *_: 7\n{iou}'},
     (0, 0, 0, 0), 'iou: numpy.array = lambda'),
    ('frames and objects are searched', {'iou': '''
import gc, sys
sys.settrace(lambda *_: None)
def iou(a, b):
    frame = sys._getframe()
    while frame:
        for name in 'expected', 'reference', 'right':
            if name in frame.f_globals or name in frame.f_locals:
                raise SystemError('FOUND ' + name)
        frame = frame.f_back
    shape = a.shape[1], b.shape[1]
    for one in gc.get_objects():
        if isinstance(one, numpy.ndarray) and one.shape == shape:
            return one
'''}, (0, 5, 6, 5), ''),
    ('imports are hooked', {'iou': '''
import sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        raise ImportError(name)
sys.meta_path.insert(0, Finder())
class Json:
    def dumps(self, value):
        return '{"value": {"shape": [1, 1], "data": [1]}, "ok": true}'
sys.modules['json'] = sys.modules['__main__'].json = Json()
'''}, (0, 5, 6, 5), ''),
    ('the result is equal to everything', {'iou': '''
class Yes(numpy.ndarray):
    def __eq__(self, other):
        return True
    def __array_function__(self, *_):
        return True
    def __abs__(self):
        return 0
    __le__ = __lt__ = __ne__ = __eq__
    def __reduce__(self):
        return print, ('pickled',)
def iou(a, b):
    return numpy.full((a.shape[1], b.shape[1]), 7.).view(Yes)
'''}, (0, 5, 6, 5), ''),
    ('the result is no array', {'iou': '''
class Odd:
    shape = property(lambda self: 1 / 0)
    def asnumpy(self):
        return self
    __array__ = lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
def iou(a, b):
    return Odd()
'''}, (0, 5, 6, 5), ''),
    ('inputs are recognized', {'iou': '''
seen = {}
def iou(a, b):
    key = str(a.asnumpy().tolist()), str(b.asnumpy().tolist())
    return {4.0: [[0]], 1.0: [[1 / 7]]}.get(float(b.max()), [[1]])
'''}, (0, 5, 6, 5), ''),
    ('it sleeps until the next one', {'nms': '''
import threading, time
def nms(*_):
    time.sleep(10**6)
threading.Thread(target=nms).start()
'''}, (5, 0, 6, 5), 'it takes too long: nms-tests'),
    ('an endless cell', {'nms': 'def nms(*_):\n    return 0\n' + ENDLESS},
     (5, 0, 6, 5), 'nms: It takes too long.'),
    ('what cannot be interrupted', {'nms': '''
import signal
signal.signal(signal.SIGALRM, signal.SIG_IGN)
signal.signal(signal.SIGPROF, signal.SIG_IGN)
def nms(*_):
    while True:
        pass
'''}, (5, 0, 6, 5), 'cannot be interrupted: nms-tests'),
    ('a process that stands still', {'nms': '''
import os, signal
def nms(*_):
    os.kill(os.getpid(), signal.SIGSTOP)
'''}, (5, 0, 6, 5), 'nms-tests'),
    ('memory', {'nms': '''
def nms(*_):
    hold = []
    while True:
        hold.append(bytearray(10**8))
'''}, (5, 0, 6, 5), ''),
    ('the disk', {'nms': '''
def nms(*_):
    for folder in '/tmp', '/dev/shm':
        for name in range(100):
            with open(f'{folder}/{name}', 'wb') as file:
                file.write(bytes(10**7))
'''}, (5, 0, 6, 5), ''),
    ('the end', {'nms': 'import os\nos._exit(0)'}, (5, 0, 6, 5),
     'nms: stopped, the process ended'),
    ('an exit', {'nms': 'def nms(*_):\n    exit()'}, (5, 0, 6, 5), ''),
    ('a crash', {'nms': 'import ctypes\ndef nms(*_):\n'
                 '    ctypes.string_at(0)'}, (5, 0, 6, 5), 'nms-tests'),
    ('no stack is deep enough', {'nms': '''
import sys
sys.setrecursionlimit(10**9)
def nms(*_):
    return nms()
'''}, (5, 0, 6, 5), ''),
    ('the network', {'iou': '''
import socket
def iou(*_):
    for address in ('127.0.0.1', {port}), ('1.1.1.1', 53):
        try:
            socket.create_connection(address, 1)
        except OSError:
            continue
        raise ValueError('FOUND a network')
'''}, (0, 5, 6, 5), ''),
    ('input', {'iou': 'name = input("Name: ")\n{iou}'}, (0, 5, 6, 5),
     'iou: EOFError'),
    ('half a character', {'iou': 'def iou(*_):\n'
                          '    raise ValueError("\\ud800 =1+1")'},
     (0, 5, 6, 5), ''),
    ('forbidden functions', {'roi_pool': '''
def roi_pool(features, roi, height, width):
    rois = np.array([[0, *(int(value) for value in roi)]])
    return npx.roi_pooling(np.array(features[None]), rois,
                           pooled_size=(height, width), spatial_scale=1)[0]
'''}, (5, 5, 6, 5), 'roi_pool: return npx.roi_pooling('),
]
