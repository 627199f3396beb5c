"""Users and groups as UpGrade knows them, with aliases, preview users and strata."""
