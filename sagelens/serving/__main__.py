"""`python -m sagelens.serving`: what the image's `serve` command runs."""

from sagelens.serving.server import main

if __name__ == "__main__":
    main()
