"""Procedures found in a basement, in Chinese and in English, from Python, against a running server."""

import json
import tempfile
import unittest
import urllib.request

from callout_mobile import ArticleId, FieldError

from host import Session, enrolled_phone, fixture


def publish(desk, title, body, language):
    """Writes an article at the desk and shows it to everybody."""
    draft = desk.call("POST", "/articles", {"title": title, "body": body, "language": language, "tags": ["pump"]})
    step(desk, draft, "publish")
    return draft["article_id"]


def step(desk, article, verb):
    version = desk.call("GET", f"/articles/{article['article_id']}?draft=true")["version"]
    request = desk.request("POST", f"/api/v1/articles/{article['article_id']}/{verb}", None, "application/json")
    request.add_header("If-Match", f'"{version}"')
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def text(parts):
    return "".join(part.text for part in parts)


class KnowledgeTest(unittest.TestCase):
    def test_procedures_are_found_with_no_network_in_both_languages(self):
        there = fixture()
        desk = Session(there["url"], there["desk"])
        chinese = publish(desk, "更换水泵密封圈", "先关闭阀门并泄压。型号 KX-2040/B。", "zh")
        english = publish(desk, "Replacing the pump seal", "Close both valves. See E04.", "en")
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        phone, network = enrolled_phone(Session(there["url"], there["engineer"]), directory.name)
        knowledge = phone.knowledge()
        self.assertEqual((0, False, []), (knowledge.status().version, knowledge.status().is_complete, knowledge.search("泵")))

        phone.sync()
        network.is_on = False
        status = knowledge.status()
        self.assertTrue(status.is_complete and status.articles >= 2 and status.received_ms > 0 and status.fault is None)
        for query, expected in [
            ("密封圈", chinese), ("阀", chinese), ("泄压", chinese), ("kx2040b", chinese), ("更换 泵", chinese),
            ("VALVES", english), ("replace seals", english), ("e04", english), ("repl", english),
        ]:
            self.assertEqual(ArticleId(expected), knowledge.search(query)[0].id, query)
        for hostile in ["", "\"", "NEAR(a b)", "*", "a AND -", "'; --", "\0", "密" * 5000]:
            knowledge.search(hostile, 5)
        found = knowledge.search("关闭阀门", 1)[0]
        self.assertEqual("更换水泵密封圈", text(found.title))
        self.assertEqual(["关闭阀门"], [part.text for part in found.snippet if part.is_found])
        article = knowledge.article(found.id)
        self.assertEqual(("zh", "先关闭阀门并泄压。型号 KX-2040/B。", ["pump"]), (article.language, article.body, article.tags))
        with self.assertRaises(FieldError.NotFound):
            knowledge.article(ArticleId("00000000-0000-4000-8000-000000000000"))

        step(desk, {"article_id": chinese}, "withdraw")
        self.assertEqual(1, len(knowledge.search("密封圈")), "with no network it has what it had")
        network.is_on = True
        phone.sync()
        self.assertEqual([], knowledge.search("密封圈"))
        phone.pause()
        with self.assertRaises(FieldError.Busy):
            knowledge.search("seal")


if __name__ == "__main__":
    unittest.main()
