"""What came of it, for a person to read: the paper's table and figures beside ours, on one page that opens offline."""
