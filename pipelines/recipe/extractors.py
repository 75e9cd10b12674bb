"""The extractors that a recipe can name, with their options."""

from collections.abc import Mapping

from pipelines.recipe.options import Option, by_name

_STOPLISTS = (
    "Afrikaans Albanian Arabic Aragonese Armenian Aromanian Asturian Azerbaijani Basque "
    "Belarusian Belarusian_Taraskievica Bengali Bishnupriya_Manipuri Bosnian Breton "
    "Bulgarian Catalan Cebuano Chuvash Croatian Czech Danish Dutch English Esperanto "
    "Estonian Finnish French Galician Georgian German Greek Gujarati Haitian Hebrew Hindi "
    "Hungarian Icelandic Ido Igbo Indonesian Irish Italian Javanese Kannada Kazakh Korean "
    "Kurdish Kyrgyz Latin Latvian Lithuanian Lombard Low_Saxon Luxembourgish Macedonian "
    "Malay Malayalam Maltese Marathi Neapolitan Nepali Newar Norwegian_Bokmal "
    "Norwegian_Nynorsk Occitan Persian Piedmontese Polish Portuguese Quechua Romanian "
    "Russian Samogitian Serbian Serbo_Croatian Sicilian Simple_English Slovak Slovenian "
    "Spanish Sundanese Swahili Swedish Tagalog Tamil Telugu Turkish Turkmen Ukrainian Urdu "
    "Uzbek Vietnamese Volapuk Walloon Waray_Waray Welsh West_Frisian Western_Panjabi Yoruba "
)
STOPLISTS = tuple(_STOPLISTS.split())
"""Languages of which jusText 3.0 has the stop words, as its files are called."""


class Stoplist(Option):
    """A language by its English name; there are a hundred."""

    @property
    def wants(self) -> str:
        """See `Option`."""
        return "a language in English, such as German or Norwegian_Bokmal"


EXTRACTORS: Mapping[str, Mapping[str, Option]] = {
    # datatrove's defaults where it sets an option, trafilatura.extract's otherwise.
    "trafilatura": by_name(
        Option("favor_precision", True, "Less text, but more surely the main text."),
        Option("favor_recall", False, "More text when in doubt; not with favor_precision."),
        Option("deduplicate", True, "Drop text that a page repeats; pages do not affect another."),
        Option("fast", False, "Skip the slower fallback extractors."),
        Option("include_comments", False, "Keep readers' comments."),
        Option("include_tables", True, "Keep the text of tables."),
        Option("include_links", False, "Keep the targets of links."),
        Option("include_formatting", False, "Keep headings, lists and emphasis as Markdown."),
    ),
    # resiliparse.extract.html2text.extract_plain_text's own defaults.
    "resiliparse": by_name(
        Option("main_content", False, "Only what looks like the main content."),
        Option("preserve_formatting", True, "Keep lines, paragraphs and lists."),
        Option("list_bullets", True, "Write bullets and numbers of list items."),
        Option("alt_texts", True, "Keep the alternative texts of images."),
        Option("links", False, "Keep the targets of links."),
        Option("form_fields", False, "Keep form fields and their values."),
        Option("noscript", False, "Keep the contents of <noscript>."),
        Option("comments", True, "Count comment sections as main content."),
        Option("post_meta", True, "Count author and date lines of posts as main content."),
        Option("hidden_elements", False, "Keep elements with class names of hidden ones."),
    ),
    # justext.justext's own defaults.
    "justext": by_name(
        Stoplist("stoplist", "English", "Whose stop words tell prose.", choices=STOPLISTS),
        Option("length_low", 70, "Characters below which a paragraph is short.", most=10**9),
        Option("length_high", 200, "Characters above which prose is good by itself.", most=10**9),
        Option("stopwords_low", 0.30, "Share of stop words from which a paragraph may be prose."),
        Option("stopwords_high", 0.32, "Share of stop words from which it is."),
        Option("max_link_density", 0.2, "Share of its characters that may be in links."),
        Option("max_heading_distance", 200, "Characters between a heading and prose.", most=10**9),
        Option("no_headings", False, "Treat headings as any other paragraph."),
    ),
}
