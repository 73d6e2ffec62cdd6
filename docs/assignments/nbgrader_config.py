"""How nbgrader makes the assignment.

tools/course/assignments.py copies this file and the source beside it into a
course folder below build/, where nbgrader finds it by its name.
"""
c = get_config()

c.CourseDirectory.course_id = 'faster-rcnn'

c.ClearSolutions.code_stub = {
    'python': '# Write your code here.\nraise NotImplementedError()'}
c.ClearSolutions.text_stub = 'Write your answer here.'
