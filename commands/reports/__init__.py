"""Draw tables, HTML pages and charts."""
