"""Experiments in UpGrade's form: designs, assignment, marks, schedules, enrollment counts."""
