"""Label sets: folders of tables that people share, check, merge and train from. `docs/label-sets.md` specifies them."""
