"""How nbgrader makes the assignment: tools/course/assignments.py reads it."""
c = get_config()

c.CourseDirectory.course_id = 'faster-rcnn'

c.ClearSolutions.code_stub = {
    'python': '# Write your code here.\nraise NotImplementedError()'}
c.ClearSolutions.text_stub = 'Write your answer here.'
