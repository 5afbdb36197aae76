"""The paper's experiments beyond its main table: which trials each consists of, and how they are carried out."""
