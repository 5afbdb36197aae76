"""Students that leave home: one page that plays in a browser, or a graph for other runtimes."""
