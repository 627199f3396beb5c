"""What the pages of Test Lab's features are made of: their forms, and the steps to a new one."""
