"""Code that runs on AWS in functions. It imports the standard library, what Lambda brings, and a file that is laid beside it."""
