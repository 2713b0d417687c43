"""The live demo: sources, session, server and page."""
