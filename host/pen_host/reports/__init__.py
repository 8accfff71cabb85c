"""Reports on paper: what the record holds about a treatment, a course, a lot, and the pen itself, as tagged PDF/A.

A report is made of blocks (`blocks`), filled from the record (`treatment`, `after_care`, `course`, `lot`, `data_sheet`) and set
by typst (`paper`). The same record gives the same bytes: the only time in a report is the record's.
"""
