"""Nav & Pick (paper 4.2): a mobile manipulator finds its way through a home and picks up an object."""
