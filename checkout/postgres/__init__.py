"""What psycopg2 and PostgreSQL need that SQLAlchemy has no word for: sessions, and statements that travel together."""
