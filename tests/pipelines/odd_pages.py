"""Pages as no author would write them, in the vocabulary that the extractor's lists look for."""

from hypothesis import strategies as st

VALUES = (
    "post", "entry", "article-content", "articleBody", "Article", "story-body", "fulltext",
    "FULLTEXT", "content", "Main-Content", "page-content", "main", "mainstay", "text", "comments",
    "Comment-list", "commentary", "comment-1", "disqus_thread", "comol", "infinite-scroll",
    "mvp-post-add-box", "elementor-share-buttons", "elementor-widget", "share", "sharp", "social",
    "cookie", "cookie-banner", "onetrust", "navbar", "Nav", "menu", "foobar", "ad", " ad ", "-ad-",
    "ad-slot", "footer", "related", "elated", "byline", "tags", "author", "hidden", " hidden",
    "hide-print", "is-hide ", "noprint", "message", "teaser", "Teaser", "bottom", "a bottom",
    "bottom-bar", "mid-bottom-1", "link", "permalink", "a link", "caption", "reply-1",
    "comments-title", "plain", "row", "col-md-6", "post-1234", "ſidebar", "bånner", "ＮＡＶ",
    "İnav", "cooKie", "schema-faq-question", "highlight", "w3-code", "hljs-keyword", "",
)  # fmt: skip
STYLES = ("display:none", "display: none", "border: 1px", "visibility:hidden", "color: red")
BLOCKS = (
    "div", "section", "article", "main", "p", "span", "ul", "ol", "li", "dl", "dd", "table", "tr",
    "td", "th", "tbody", "aside", "header", "footer", "form", "figure", "figcaption", "nav", "h1",
    "h2", "blockquote", "pre", "code", "a", "b", "i", "em", "sub", "del", "details", "summary",
    "select", "option", "label", "button", "noscript", "iframe", "svg", "title", "math",
    "annotation", "textarea", "template", "center", "font", "q", "strong", "o:p", "time",
)  # fmt: skip
VOID = ("br", "hr", "img", "input", "wbr", "meta")
SENTENCES = (
    "The quick brown fox jumps over the lazy dog, and then it is gone from the field for good. ",
    "It was the best of times, it was the worst of times, and there was a lot of it to be had. ",
    "Short. ", "Share", "Facebook", "© 2020 ", "{", "x &amp; y ", "&nbsp;", "\n \n", "a, b, c, d ",
    "Ünïcode tëxt, ﬁne — 漢字かな交じり文 ", "&lt;p&gt;", "1) one\t2) two ",
)  # fmt: skip
CODE = (
    "<script>var a = '<p>x</p>';</script>",
    '<script type="application/ld+json">{"@type": "DiscussionForumPosting"}</script>',
    '<script type="application/ld+json">{"articleBody": "A body in a script."}</script>',
    "<style>p {color: red}</style>", "<!-- comment -->", "<?php echo 1 ?>", "<![CDATA[ x ]]>",
    "&#1;",
)  # fmt: skip

_values = st.lists(st.sampled_from(VALUES), min_size=1, max_size=3).map(" ".join)
_attribute = st.one_of(
    st.tuples(st.sampled_from(("class", "id", "CLASS")), _values),
    st.tuples(st.sampled_from(("class", "id")), _values),
    st.tuples(st.just("style"), st.sampled_from(STYLES)),
    st.tuples(st.just("role"), st.sampled_from(("article", "main", "Navigation", "none"))),
    st.sampled_from(
        (
            ("aria-hidden", "true"), ("itemprop", "articleBody"), ("href", "/x"), ("m", "ABC"),
            ("M", "ABCDEFGHIJ"), ("data-lp-replacement-content", ""), ("{{x}}", "y"),
            ("src", "a.png"),
            ("data-component", "MostPopularStories"), ("rowspan", "2"), ("colspan", "3"),
        )
    ),
)  # fmt: skip
_attributes = st.lists(_attribute, max_size=3).map(
    lambda pairs: "".join(f' {name}="{value}"' for name, value in pairs)
)
_words = st.builds(
    lambda sentences, times: "".join(sentences) * times,
    st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=4),
    st.sampled_from((1, 1, 3, 9)),
)
_leaves = st.one_of(
    _words,
    _words,
    st.sampled_from(CODE),
    st.builds("<{}{}>".format, st.sampled_from(VOID), _attributes),
    st.builds("<p{}>{}</p>".format, _attributes, _words),
    st.builds("<a{}>{}</a>".format, _attributes, _words),
)


def _wrapped(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    content = st.lists(inner, min_size=1, max_size=5).map("".join)
    return st.builds(
        "<{0}{1}>{2}</{0}>{3}".format,
        st.sampled_from(BLOCKS), _attributes, content, st.just("") | _words,
    )  # fmt: skip


_trees = st.lists(st.recursive(_leaves, _wrapped, max_leaves=40), min_size=1, max_size=6)
pages = st.builds(
    "{}{}{}".format,
    st.sampled_from(
        ("<!doctype html><html><head><title>T</title></head><body>", "<html><body>", "<div>", "")
    ),
    _trees.map("".join),
    st.sampled_from(("</body></html>", "")),
)
"""Odd pages; some are fragments, some never close what they open."""


def nested(depth: int, tag: str, classes: str = "content") -> str:
    """Return a page with an element within itself so many times, and some text at each depth."""
    opened = "".join(f'<{tag} class="{classes}">Text {at}, of it. ' for at in range(depth))
    return f"<html><body>{opened}{SENTENCES[0] * 5}{f'</{tag}>' * depth}</body></html>"
