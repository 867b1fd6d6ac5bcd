"""What people and other programs read: tables, lines, the page with charts, export files. It prints nothing."""
