# SPDX-License-Identifier: Apache-2.0
"""Every snippet of the README and of the guide does what the page says."""
import pytest

import guide
import support

# What other tests run, and what runs elsewhere: the block's beginning, and why.
LEFT_OUT = {
    "README.md": [
        ("git clone", "a clone of this tree would need its history"),
        ("./dev test", "is what runs this"),
        ("./dev build", "builds what runs here"),
        ("weir dev", "without a weir.yaml: the getting-started page runs it"),
    ],
    "relay.md": [("weir stream tail outbox | grep", "moves a position by hand: the shard is the reader's")],
    "engine.md": [("docker build", "there is no Docker where this runs")],
}

PAGES = ["README.md"] + sorted("docs/guide/" + path.name
                               for path in (support.ROOT / "docs/guide").glob("*.md"))


@pytest.mark.parametrize("page", PAGES)
def test_A7_snippets_do_what_the_page_says(page, tmp_path, installed, keep):
    path = support.ROOT / page
    guide.Page(path, tmp_path, installed, keep, LEFT_OUT.get(path.name, [])).run()


@pytest.mark.parametrize("snippet, wrong", [
    ("```sh\necho one\n```\n\n```\none\n```\n", None),
    ("```sh\necho one\n```\n\n```\ntwo\n```\n", "two"),
    ("```sh\nfalse\n```\n", "ended with 1"),
    ("```c\nint main(void) { return 1; }\n```\n", "./program: 1"),
    ("```c\nint main(void) { return x; }\n```\n", "cc: 1"),
    ("```c\nstatic int x;\n```\n", "without main"),
])
def test_a_wrong_snippet_is_seen(snippet, wrong, tmp_path, installed, keep):
    (tmp_path / "page.md").write_text(snippet)
    page = guide.Page(tmp_path / "page.md", tmp_path, installed, keep, [])
    if wrong is None:
        page.run()
        return
    with pytest.raises(AssertionError) as seen:
        page.run()
    assert wrong in str(seen.value)
