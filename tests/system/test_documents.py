# SPDX-License-Identifier: Apache-2.0
"""Documents that are made from the program's tables."""
import os

import docs_drift
import support


def test_generated_documents_are_current(monkeypatch):
    monkeypatch.chdir(support.ROOT)
    assert docs_drift.drift(str(support.BUILD)) == []


def test_drift_is_seen(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert len(docs_drift.drift(str(support.BUILD))) == len(docs_drift.DOCUMENTS)
    os.mkdir("docs")
    docs_drift.rewrite(str(support.BUILD))
    assert docs_drift.drift(str(support.BUILD)) == []
    with open("docs/COMMANDS.md", "a") as file:
        file.write("more\n")
    assert docs_drift.drift(str(support.BUILD)) == [
        "docs/COMMANDS.md is not what the program says: run tools/docs_drift.py"]
