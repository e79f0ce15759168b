"""The one exception for a user's mistake. Nothing else is raised at a user on purpose."""


class UserError(Exception):
    """A mistake of the user's: one line that names the file or value and the fix."""
