"""What a user would pick instead, each in a virtual environment of its own, and what it leaves in its table."""
