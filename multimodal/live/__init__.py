"""The live session, and the server and page that show it."""
