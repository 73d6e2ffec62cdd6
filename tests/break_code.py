"""Break the code behind each promise, and check that its test fails.

    python tests/break_code.py            all of docs/reliability.md
    python tests/break_code.py TEST ...   some of it

A test that cannot fail proves nothing. So for each test of that page, a piece
of code that keeps the promise is removed in a copy of the project, and the
test has to fail. This takes twenty minutes, with the data of D2L_DATA_DIR.
"""
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
TIMEOUT = 600   # seconds for one test; the longest run a notebook


class Break(NamedTuple):
    """`code` occurs once in `file`, and is replaced."""
    test: str
    file: str
    code: str
    replacement: str


def in_file(file, *rows):
    return [Break(test, file, code, replacement)
            for test, code, replacement in rows]


BREAKS = [
    # Training.
    *in_file(
        'd2l_ext/runtime/checkpoint.py',
        ('test_killed_at_random_moments',
         'for name, parameter in targets.items():',
         'for name, parameter in ():'),
        ('test_an_interrupted_training_goes_on',
         "self._set_momentum(arrays, about['updates'])", 'pass'),
        ('test_an_interrupted_training_goes_on',
         '            self._seed_for(epoch, number)\n', ''),
        ('test_an_interrupted_training_goes_on',
         'self._save(number, self._replicas.total(sums.data))', 'pass'),
        ('test_two_interrupts_of_one_epoch', 'if number <= done:',
         'if False:'),
        ('test_a_second_interrupt_is_not_held_back',
         '        if noted:\n            raise KeyboardInterrupt\n', ''),
        ('test_after_training_an_interrupt_does_what_it_did_before',
         'signal.signal(signal.SIGINT, before)', 'pass'),
        ('test_a_full_disk_leaves_the_last_good_checkpoint',
         'with replacing(self._path) as partial:\n'
         '                partial.write_bytes',
         'with contextlib.suppress(KeyError):\n'
         '                self._path.write_bytes'),
        ('test_a_full_disk_leaves_the_last_good_checkpoint',
         "except OSError as error:\n            warnings",
         "except KeyError as error:\n            warnings"),
        ('test_a_folder_that_takes_no_file_is_named',
         'tempfile.TemporaryFile(dir=self._path.parent).close()', 'pass'),
        ('test_another_training_is_refused',
         "if about['settings'].get(name) != value:", 'if False:'),
        ('test_another_training_is_refused', '        if wrong:\n',
         '        if False:\n'),
        ('test_another_version_is_refused',
         "if about['version'] != VERSION:", 'if False:'),
        ('test_a_damaged_file_is_refused', 'except DAMAGED as error:',
         'except OSError as error:'),
        ('test_checksums_are_compared', 'if archive.testzip():',
         'if False:'),
        ('test_a_good_checkpoint_is_not_overwritten_unasked',
         'if self._path.exists() and not resume:', 'if False:'),
        ('test_nothing_is_unpickled', 'allow_pickle=False',
         'allow_pickle=True'),
        ('test_no_code_unpickles', 'import io\n',
         'import io\nimport pickle\n')),
    *in_file(
        'd2l_ext/runtime/files.py',
        ('test_a_full_disk_leaves_the_parameters_that_were_stored',
         '            npx.load(str(partial))\n', ''),
        ('test_a_write_that_is_killed_leaves_the_file',
         "path.with_name(f'{path.name}.partial')", 'path'),
        ('test_a_file_is_replaced_whole_or_not_at_all',
         '            partial.unlink()\n', '            pass\n'),
        ('test_interrupted_cells_run_again_in_any_order',
         'os.replace(partial, path)', 'partial.unlink()')),
    Break('test_a_run_that_was_interrupted_is_begun_anew',
          'tools/run_notebook.py', '    client = VisibleClient(\n',
          '    nbformat.write(notebook, args.output)\n'
          '    client = VisibleClient(\n'),
    Break('test_a_page_is_written_whole_or_not_at_all',
          'tools/course/whole_files.py',
          "partial = path.with_name(f'.{path.name}.part')", 'partial = path'),

    # Numbers.
    *in_file(
        'd2l_ext/runtime/run.py',
        ('test_a_loss_that_is_not_finite_stops_training',
         'if not math.isfinite(loss + gradient_norm):', 'if False:'),
        ('test_a_loss_that_is_not_finite_stops_training',
         '{self._epoch}{names} the', '{self._epoch} the'),
        ('test_a_loss_of_finite_values_may_still_not_be_finite',
         'math.isfinite(loss + gradient_norm)',
         'math.isfinite(gradient_norm)'),
        ('test_no_batch_at_all', 'if not len(train_iter):', 'if False:')),
    Break('test_batches_of_all_kinds', 'd2l_ext/losses.py',
          'np.maximum(num_positive, 1)', 'num_positive'),
    *in_file(
        'd2l_ext/rcnn.py',
        ('test_any_number_of_classes', 'nn.Dense(num_classes + 1)',
         'nn.Dense(3)'),
        ('test_a_model_with_wild_predictions',
         'boxes = project_box(anchor_plus_offset('
         'rois[:, 1:].T[:, :, None],\n'
         '                                           offsets))',
         'boxes = anchor_plus_offset(rois[:, 1:].T[:, :, None], offsets)'),
        ('test_no_proposals', 'box_preds.shape[1] // 4', '-1')),
    *in_file(
        'd2l_ext/rpn.py',
        ('test_pictures_of_any_shape', 'kernel_size=3, padding=1,',
         'kernel_size=3,'),
        ('test_scores_that_are_no_numbers_are_told', 'if not counts.all():',
         'if False:')),
    *in_file(
        'd2l_ext/boxes.py',
        ('test_offsets_that_would_overflow',
         'np.minimum(dw / SIZE_SCALE, math.log(MAX_GROWTH))',
         'dw / SIZE_SCALE'),
        ('test_offsets_stay_finite',
         'wa, ha = np.maximum(wa, TINY), np.maximum(ha, TINY)', 'pass'),
        ('test_offsets_stay_finite',
         'np.minimum(dh / SIZE_SCALE, math.log(MAX_GROWTH))',
         'dh / SIZE_SCALE'),
        ('test_offsets_are_finite_for_any_boxes',
         'wg, hg = np.maximum(wg, TINY), np.maximum(hg, TINY)', 'pass'),
        ('test_iou_by_hand', 'np.maximum(union, TINY)', 'union'),
        ('test_something_is_always_proposed', 'valid_thresh=-math.inf',
         'valid_thresh=0')),
    Break('test_boxes_without_area_are_no_objects', 'd2l_ext/anchors.py',
          'claims = overlaps * npx.one_hot(overlaps.argmax(axis=2),\n'
          '                                    overlaps.shape[2], CLAIM, 1)',
          'claims = overlaps + npx.one_hot(overlaps.argmax(axis=2),\n'
          '                                    overlaps.shape[2], CLAIM, 0)'),
    Break('test_another_number_of_classes_is_told', 'd2l_ext/runtime/run.py',
          'if made_for != len(classes):', 'if False:'),
    Break('test_other_pictures_are_refused', 'd2l_ext/runtime/checkpoint.py',
          'content = [name, dataset.image_size(number),\n'
          '                   dataset.objects[number]]', 'content = []'),
    Break('test_loading_says_what_it_reads', 'd2l_ext/data/batches.py',
          'if len(dataset) < batch_size:', 'if False:'),

    # Data.
    *in_file(
        'd2l_ext/data/pictures.py',
        ('test_pictures_of_other_kinds_are_read', "'TIFF', 'AVIF'",
         "'TIFF'"),
        ('test_pictures_of_other_kinds_are_read',
         "return image.convert('RGB')", 'return image'),
        ('test_a_transparent_palette_gives_no_warning',
         "image = image.convert('RGBA')", 'pass'),
        ('test_sixteen_bits_are_not_clipped',
         "if image.mode.startswith('I'):", 'if False:'),
        ('test_no_picture_starts_a_program', ', formats=FORMATS', ''),
        ('test_what_cannot_be_read_is_left_out', '(OSError, SyntaxError, ',
         '(OSError, ')),
    *in_file(
        'd2l_ext/data/checks.py',
        ('test_the_annotation_tells_whether_a_picture_is_turned',
         'annotated != stored', 'True'),
        ('test_what_cannot_be_read_is_left_out',
         '        _check_end(source.picture)\n', ''),
        ('test_a_warning_counts_all_and_names_a_few', 'ordered[:MAX_TOLD]',
         'ordered'),
        ('test_boxes_without_area_are_left_out',
         'if x2 - x1 <= 1 or y2 - y1 <= 1:', 'if False:'),
        ('test_boxes_without_area_are_left_out',
         'if width <= 0 or height <= 0:', 'if False:'),
        ('test_corners_in_the_wrong_order_are_exchanged',
         'mended = (min(x1, x2 - 1), min(y1, y2 - 1),\n'
         '              max(x2, x1 + 1), max(y2, y1 + 1))', 'mended = box'),
        ('test_one_object_without_a_box_is_left_out',
         "Problem(f'{where}: {fault}.', 'box') for fault in faults", ''),
        ('test_shares_of_the_sides_become_pixels',
         'between and not whole', 'False'),
        ('test_another_size_is_told', 'and annotated != size', 'and False'),
        ('test_names_are_found_however_accents_are_written',
         "unicodedata.normalize('NFC', item.name)", 'item.name')),
    *in_file(
        'd2l_ext/data/layouts.py',
        ('test_lists_that_lead_nowhere', "or '..' in row.split('/')", ''),
        ('test_lists_that_lead_nowhere', 'os.path.isabs(row)', 'False'),
        ('test_names_of_all_kinds',
         "if folder.lower() not in NEUTRAL and folder != '.'", 'if False'),
        ('test_nothing_that_can_be_used',
         "if annotations or (root / 'Annotations').is_dir():", 'if True:'),
        ('test_from_a_folder_to_a_detector',
         "if folder.lower() not in NEUTRAL and folder != '.'", ''),
        ('test_splits_are_those_of_the_data_set',
         "named = filter(None, map(split_named, key.split('/')[:-1]))",
         'named = iter(())'),
        ('test_names_are_found_however_accents_are_written',
         "path = unicodedata.normalize('NFC', path.replace('\\\\', '/'))",
         'pass'),
        ('test_what_is_no_data_set_is_told', "'data.yaml', ", '')),
    *in_file(
        'd2l_ext/data/splits.py',
        ('test_a_split_is_drawn_by_names_alone',
         'drawn = sorted(names, key=lambda name: hashlib.sha1(\n'
         '        os.fsencode(name)).digest())', 'drawn = []'),
        ('test_a_class_that_looks_like_another_is_told',
         'if alike:', 'if False:'),
        ('test_a_forecast_of_a_stop',
         "split == 'test' or (split == 'val' and complete)",
         "split == 'test'"),
        ('test_two_classes_that_look_alike_are_told',
         'if other != name', 'if False')),
    *in_file(
        'd2l_ext/data/coco.py',
        ('test_objects_of_coco_that_cannot_be_used',
         'if not math.isfinite(x + y + width + height):', 'if False:'),
        ('test_crowds_are_difficult', "bool(row.get('iscrowd'))", 'False'),
        ('test_what_is_no_data_set_is_told',
         'except (OSError, ValueError, RecursionError) as error',
         'except OSError as error')),
    *in_file(
        'd2l_ext/data/voc.py',
        ('test_what_cannot_be_read_is_left_out',
         'if problems and (strict or not usable):',
         'if problems and not usable:'),
        ('test_odd_boxes_are_read',
         'numpy.clip(numpy.divide(item.box, [*size, *size]), 0, 1)',
         'numpy.divide(item.box, [*size, *size])'),
        ('test_a_class_without_a_picture_is_told',
         'if missing and not test_mode():', 'if False:'),
        ('test_lists_tell_what_is_read_and_annotations_what_is_on_it',
         '                         if item.name in self.classes]',
         '                         ]')),
    *in_file(
        'd2l_ext/data/annotations.py',
        ('test_what_cannot_be_read_is_left_out',
         'if not math.isfinite(xmin + ymin + xmax + ymax):', 'if False:'),
        ('test_names_that_end_in_a_number', 'if line in known or not flag',
         'if not flag'),
        ('test_lists', 'utf-8-sig', 'utf-8'),
        ('test_lists', 'line.rsplit(maxsplit=1)', 'line.split(maxsplit=1)'),
        ('test_annotations_in_other_encodings', 'ElementTree.parse(path)',
         "ElementTree.parse(open(path, encoding='utf-8'))"),
        ('test_an_encoding_that_is_not_declared_is_refused',
         'ElementTree.parse(path)',
         "ElementTree.parse(open(path, encoding='latin-1'))"),
        ('test_an_encoding_that_cannot_be_read_is_refused',
         'DefusedXmlException, LookupError,', 'DefusedXmlException,'),
        ('test_hostile_annotations_are_refused',
         'from defusedxml import DefusedXmlException, ElementTree',
         'from xml.etree import ElementTree\n\n'
         'from defusedxml import DefusedXmlException'),
        ('test_only_our_error_comes_out_of_annotations',
         'if not math.isfinite(xmin + ymin + xmax + ymax):', 'if False:'),
        ('test_only_our_error_comes_out_of_lists',
         'except (OSError, UnicodeError) as error',
         'except OSError as error')),
    *in_file(
        'tools/check_data.py',
        ('test_lists_that_contradict_the_annotations',
         'if name in flagged and not seen:', 'if False:'),
        ('test_everything_at_once',
         'sys.exit(bool(problems) or not trains)', 'sys.exit(0)'),
        ('test_what_check_data_says_of_an_export',
         'for name in sorted(train & val):', 'for name in ():'),
        ('test_what_check_data_says_of_an_export',
         'content = Path(pictures[name].path).read_bytes()',
         'content = name.encode()'),
        ('test_everything_at_once', '        if twice:\n',
         '        if False:\n')),

    # Detection.
    *in_file(
        'tools/detect.py',
        ('test_from_the_shell', 'copy = picture.copy()',
         'copy = picture.resize((9, 9))'),
        ('test_what_is_left_out_is_counted',
         "print(f'Left out: {len(paths)} {kind} ({some}{more})')", 'pass'),
        ('test_names_of_any_bytes', 'if len(raw) <= longest:', 'if True:'),
        ('test_names_of_any_bytes',
         "sys.stdout.reconfigure(errors='backslashreplace')", 'pass'),
        ('test_copies_of_an_earlier_run_are_gone', 'path.unlink()', 'pass'),
        ('test_copies_of_an_earlier_run_are_gone',
         'ours = image.info.get(MARK[0]) == MARK[1]', 'ours = True'),
        ('test_an_interrupted_run_keeps_what_it_found',
         '    finally:   # interrupted, too\n        if results.images:',
         '    finally:\n        if False:'),
        ('test_other_programs_read_the_results',
         'self._classes.index(item.name) + 1',
         'self._classes.index(item.name)'),
        ('test_results_are_not_put_among_the_pictures',
         'if args.output.resolve() in (', 'if None in (')),
    Break('test_pictures_of_any_proportions', 'tools/detect.py',
          'side = min(max(min(picture.size) // 30, 11), 80)',
          'side = min(picture.size) // 30'),
    Break('test_names_reach_a_recipe_to_the_letter', 'tools/install.mk',
          '$$(value $(name))', '$$($(name))'),

    # Hostile input.
    *in_file(
        'd2l_ext/runtime/torch_weights.py',
        ('test_the_digest_is_compared_first', 'if found != sha256:',
         'if False:'),
        ('test_other_names_are_refused',
         'if name not in (DICT, TENSOR, *DTYPES):', 'if False:'),
        ('test_calls_of_other_kinds_are_refused',
         'if type(name) is not _Name or name not in (DICT, TENSOR):',
         'if name == TENSOR:'),
        ('test_attributes_are_not_set', "'BUILD': lambda stack: stack.pop()",
         "'BUILD': lambda stack: stack[-2].update(stack.pop())"),
        ('test_sizes_that_do_not_fit_are_refused',
         'or math.prod(tensor.shape) > len(array)', ''),
        ('test_sizes_and_depths_of_instructions',
         'if not all(type(key) is str for key in keys):', 'if False:'),
        ('test_every_end_but_the_right_one_is_noticed',
         '    if file.read(1):', '    if False:'),
        ('test_any_bytes', 'DAMAGED = (ValueError, ', 'DAMAGED = (')),
    *in_file(
        'tools/fetch_voc2012.py',
        ('test_hostile_archives_are_refused', "filter='data'",
         "filter='fully_trusted'"),
        ('test_a_link_does_not_lead_out', "filter='data'",
         "filter='fully_trusted'"),
        ('test_absolute_paths_stay_inside', "filter='data'",
         "filter='fully_trusted'"),
        ('test_faults_that_pass_are_waited_for',
         '            time.sleep(pause)\n', '            raise\n'),
        ('test_faults_that_stay_are_told', "if 'html' in", "if 'none' in"),
        ('test_faults_that_stay_are_told', 'timeout=TIMEOUT, ', ''),
        ('test_nobody_answers', 'if refused or pause is None:',
         'if refused:'),
        ('test_what_is_wrong_gets_no_final_name',
         'if _sha1(partial) != sha1:', 'if False:'),
        ('test_two_processes_at_once',
         "with FileLock(folder / 'VOC2012.lock'):", 'if True:'),
        ('test_a_full_disk_is_told', 'except OSError as error:\n'
         '            raise d2l.DatasetError(\n'
         "                f'{partial} could",
         'except KeyError as error:\n'
         '            raise d2l.DatasetError(\n'
         "                f'{partial} could")),
    Break('test_two_processes_at_once_get_one_set', 'd2l_ext/drawn/dataset.py',
          "with FileLock(folder / f'{root.name}.lock'):", 'if True:'),

    # Grading.
    *in_file(
        'tools/course/sandbox.py',
        ('test_attacks', "'--unshare-net', ", ''),
        ('test_each_kind_of_sandbox',
         'for path in paths if path.exists()]',
         "for path in paths if path.exists()] + ["
         "str(STUDENT_SIDE.parents[2] / 'docs')]"),
        ('test_a_command_of_ipython_runs',
         'ln -s pts/ptmx "$root/dev/ptmx"\n', ''),
        ('test_without_a_sandbox_it_asks',
         '*([unprotected] if allow_unprotected else [])', 'unprotected'),
        ('test_only_numbers_come_out_of_a_sandbox',
         'type(value) in (float, bool) for', 'True for')),
    Break('test_each_kind_of_sandbox', 'tools/course/student_side.py',
          '    forbid_calls()\n', ''),
    Break('test_what_is_no_notebook_has_a_row',
          'tools/course/submissions.py',
          'except Exception as error:', 'except KeyError as error:'),
    Break('test_arguments_that_change_do_not_change_what_is_right',
          'tools/course/marks.py', 'changes.append(function)',
          'arguments[0][...] = 0'),
    *in_file(
        'tools/course/spreadsheets.py',
        ('test_wrong_points_are_told', 'not 0 <= value <= highest', 'False'),
        ('test_nothing_is_a_formula', 'safe(value) for', 'value for')),
    *in_file(
        'tools/course/grade.py',
        ('test_an_interrupt_keeps_what_was_done',
         'return None if stop.is_set() else result', 'return result'),
        ('test_an_interrupt_that_wakes_nobody_is_seen',
         'wait(futures, 1,', 'wait(futures, None,'),
        ('test_an_interrupt_while_results_are_written',
         'lambda *_: stop.set()', 'signal.default_int_handler')),
    # Surroundings.
    Break('test_with_nothing_but_ascii_and_no_home', 'd2l_ext/__init__.py',
          'import os\n', "import os\nos.environ['HOME']\n"),
    Break('test_in_turkish', 'notebooks/anchors.ipynb',
          '{float(scores[best]):.2f}', '{__import__(\\"locale\\").'
          'format_string(\\"%.2f\\", scores[best].item())}'),
    Break('test_offline_in_a_checkout_that_may_not_be_written_to',
          'tests/compare_outputs.py', 'cwd=str(BUILD)', 'cwd=cwd'),
    *in_file(
        'conftest.py',
        ('test_with_warnings_and_without_windows',
         "os.environ.pop('PYTHONWARNINGS', None)", 'pass'),
        ('test_with_warnings_and_without_windows',
         "config.option.dist = 'loadfile'", 'pass')),
    Break('test_with_warnings_and_without_windows',
          'd2l_ext/runtime/inline_figures.py',
          "if not os.environ.get('MPLBACKEND', '').startswith('module://'):",
          'if False:'),
    *in_file(
        'tools/verify.py',
        ('test_another_matplotlib_draws_other_pixels',
         'if all(drawers) and len(set(drawers)) > 1:', 'if False:'),
        ('test_one_line_says_what_was_not_compared',
         'in versions.items():', 'in ():')),
    Break('test_a_notebook_of_another_machine', 'tools/run_notebook.py',
          "kernel_name='python3', ", ''),
    Break('test_make_says_that_a_project_was_moved', 'tools/install.mk',
          ' $(if $(MOVED),FORCE)', ''),
    Break('test_an_environment_of_another_folder', 'tools/doctor.py',
          'if folder.resolve() == ROOT:', 'if True:'),
    Break('test_a_bad_cell_costs_no_other_deck', 'tools/course/slides.py',
          'except Exception as error:', 'except KeyError as error:'),
    *in_file(
        'tools/doctor.py',
        ('test_an_empty_environment', 'if version is None:', 'if False:'),
        ('test_versions_of_numpy', '< (3,):', '< (9,):'),
        ('test_both_builds_of_mxnet', 'elif len(builds) > 1:',
         'elif False:'),
        ('test_another_mxnet', 'elif MXNET not in builds.values():',
         'elif False:'),
        ('test_a_python_that_nobody_tried',
         'PYTHONS = (3, 9), (3, 13)', 'PYTHONS = (3, 9), (3, 99)'),
        ('test_no_driver',
         "        problem = ''\n        if cuda.version_of(cuda.GPU_BUILD):",
         "        problem = ''\n        if False:"),
        ('test_a_driver_that_is_of_no_use', 'and version < needed:',
         'and False:'),
        ('test_a_library_is_missing', 'for name in cuda.LIBRARIES:',
         'for name in ():'),
        ('test_a_card_without_code_is_told',
         'if not cuda.has_kernels(capability):', 'if False:')),
    *in_file(
        'd2l_ext/runtime/devices.py',
        ('test_the_chapter_runs_beside_a_card_without_code',
         ' or not usable(cards()[i])', ''),
        ('test_choosing_a_gpu', 'if usable(cards()[i]):', 'if True:')),
]


def find(test):
    """The name of a test for pytest."""
    return next(f'{path}::{test}' for path in Path('tests').rglob('test_*.py')
                if f'def {test}(' in path.read_text('utf-8'))


def judged(status, output):
    """Whether a test has failed, and how, from what pytest returns and says.

    One that was skipped has noticed nothing, and has not passed, either.
    """
    lines = output.strip().splitlines()
    failures = [line.partition(' - ')[2] for line in lines
                if line.startswith('FAILED')]
    if status == 1 and failures:
        return True, failures[0]
    if status == 0:
        word = 'PASSES' if ' passed' in lines[-1] else 'SKIPPED'
        return False, f'{word} ({lines[-1]})'
    return False, f'ENDS with {status}'


def outcome(row):
    """Break, test and restore; returns whether the test failed, and how."""
    path, test = Path(row.file), find(row.test)
    whole = path.read_text('utf-8')
    path.write_text(whole.replace(row.code, row.replacement), 'utf-8')
    process = subprocess.Popen(
        [sys.executable, '-m', 'pytest', '-q', '-x', '-p', 'no:cacheprovider',
         test], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        start_new_session=True)
    try:
        output, _ = process.communicate(timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        return False, 'DOES NOT END'
    finally:
        path.write_text(whole, 'utf-8')
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # what it began, too
    return judged(process.returncode, output)


def copy_project(folder):
    """Copy all files that git tracks, in their current state."""
    names = subprocess.run(['git', 'ls-files'], cwd=ROOT, check=True,
                           capture_output=True, text=True).stdout
    for name in names.splitlines():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)


def main():
    unknown = set(sys.argv[1:]) - {row.test for row in BREAKS}
    if unknown:
        sys.exit(f'No such test: {", ".join(sorted(unknown))}.')
    rows = [row for row in BREAKS
            if row.test in sys.argv[1:] or not sys.argv[1:]]
    os.environ.setdefault('D2L_DATA_DIR', str(ROOT / 'data'))
    os.environ['COLUMNS'] = '200'   # or pytest cuts off what failed
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        copy_project(Path(folder))
        os.chdir(folder)
        os.environ['PYTHONPATH'] = folder
        for row in rows:
            start = time.perf_counter()
            failed, said = outcome(row)
            wrong += not failed
            print(f'{time.perf_counter() - start:4.0f} s  {row.test}, '
                  f'{row.file}: {said}', flush=True)
        os.chdir(ROOT)
    print(f'{len(rows)} breaks; {wrong} not noticed.')
    sys.exit(bool(wrong))


if __name__ == '__main__':
    main()
