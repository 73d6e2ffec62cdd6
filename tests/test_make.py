"""What people name reaches the tools to the letter, whatever it holds."""
import os
import re
import subprocess

import changed_tests
import pytest
from helpers import ROOT

NAMES = ["Anna's pictures", 'my cats', 'cats $dogs', 'cats $$(dogs)',
         'cats #1', '~', '~/Bilder', 'Kätzchen', 'a "b" `c` \\d; e & f',
         '$(shell echo no)', 'two  blanks']
GIVEN = {'IMAGES': 'IMAGES', 'SUBMISSIONS': 'SUBMISSIONS', 'VOC': 'VOC',
         'CLASSES': 'D2L_CLASSES', 'D2L_DATA_DIR': 'D2L_DATA_DIR'}
MAKEFILES = ''.join((ROOT / name).read_text('utf-8')
                    for name in ('Makefile', 'tools/install.mk'))


def make(tmp_path, recipe, *arguments, **environment):
    """Output of a recipe of a makefile that includes the project's."""
    path = tmp_path / 'with a show.mk'
    path.write_text(f'include {ROOT}/Makefile\nshow:\n\t{recipe}\n'
                    'below:\n\t@$(MAKE) --no-print-directory '
                    f"-f '{path}' show\n")
    done = subprocess.run(
        ['make', '--no-print-directory', '-f', path, *arguments],
        capture_output=True, text=True, check=True, cwd=ROOT,
        env={**os.environ, **environment})
    return done.stdout


@pytest.mark.parametrize('name', NAMES)
def test_names_reach_a_recipe_to_the_letter(tmp_path, name):
    recipe = '@printf "%s|" ' + ' '.join(f'"$${v}"' for v in GIVEN.values())
    expected = f'{name}|' * len(GIVEN)
    # A make that is called by another one gets them from that.
    assert make(tmp_path, recipe, 'below', *(
        f'{v}={name}' for v in GIVEN)) == expected
    assert make(tmp_path, recipe, 'show', **dict.fromkeys(
        GIVEN, name)) == expected


@pytest.mark.parametrize(('name', 'expected'), [
    ('cats $dogs', f'{ROOT}/cats $dogs'), ("/Anna's", "/Anna's"),
    ('~/set', '~/set'), ("it's #1", f"{ROOT}/it's #1")])
def test_a_data_set_has_an_absolute_name(tmp_path, name, expected):
    for variable in ('VOC', 'D2L_VOC_DIR'):
        assert make(tmp_path, '@printf "%s" "$$D2L_VOC_DIR"', 'show',
                    f'{variable}={name}') == expected


def test_no_recipe_pastes_a_name():
    recipes = re.findall(r'^\t.*$', MAKEFILES, re.M)
    assert len(recipes) > 50
    for variable in [*GIVEN, 'D2L_VOC_DIR', 'D2L_CLASSES', 'NAME', 'SEED']:
        for line in recipes:
            assert f'$({variable})' not in line
            assert f"'$${variable}'" not in line


@pytest.mark.parametrize(('name', 'tests'), [
    ('d2l_ext/runtime/checkpoint.py', {'test_checkpoint'}),
    ('tools/course/grade.py', {'test_grade'}),
    ('tests/data/test_voc.py', {'test_voc'}), ('README.md', set())])
def test_a_change_has_its_tests(name, tests):
    found = changed_tests.tests_of([name])
    assert {path.stem for path in found} == tests | set(changed_tests.ALWAYS)
    assert all(path.is_file() for path in found)


@pytest.mark.parametrize(('there', 'given', 'expected'), [
    ([], {}, 'build/detector'),   # which is trained then
    (['tools/detectors/photographs'], {}, 'tools/detectors/photographs'),
    (['tools/detectors/photographs'], {'VOC': 'my set'}, 'build/detector'),
    (['tools/detectors/photographs'], {'CLASSES': 'cow'}, 'build/detector'),
    (['tools/detectors/photographs', 'build/detector'], {}, 'build/detector'),
    (['build/detector'], {'VOC': 'my set'}, 'build/detector')])
def test_what_make_detect_takes(tmp_path, there, given, expected):
    for name in ('Makefile', 'tools/install.mk'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text((ROOT / name).read_text('utf-8'))
    for folder in there:
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / 'detector.json').touch()
    (tmp_path / 'show.mk').write_text(
        'include Makefile\nshow:\n\t@echo "$(DETECTOR)"\n')
    environment = {key: value for key, value in os.environ.items()
                   if key not in ('D2L_VOC_DIR', 'D2L_CLASSES')}
    done = subprocess.run(
        ['make', '--no-print-directory', '-f', 'show.mk', 'show', *(
            f'{name}={value}' for name, value in given.items())],
        cwd=tmp_path, capture_output=True, text=True, check=True,
        env=environment)
    assert done.stdout.strip() == f'{expected}/detector.json'
