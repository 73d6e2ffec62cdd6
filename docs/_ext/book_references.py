"""A Sphinx extension: references are listed under what the text calls them."""
from pybtex.plugin import register_plugin
from pybtex.style.formatting.plain import Style as PlainStyle
from pybtex.style.labels import BaseLabelStyle


class AuthorYearLabels(BaseLabelStyle):
    """Labels such as "Ren et al., 2015"."""

    def format_labels(self, sorted_entries):
        for entry in sorted_entries:
            first, *others = entry.persons['author']
            name = ' '.join(map(str, first.rich_last_names))
            name += ' et al.' if others else ''
            yield f'{name}, {entry.fields["year"]}'


class AuthorYearStyle(PlainStyle):
    default_label_style = AuthorYearLabels


def setup(app):
    register_plugin('pybtex.style.formatting', 'author_year', AuthorYearStyle)
    return {'parallel_read_safe': True, 'parallel_write_safe': True}
