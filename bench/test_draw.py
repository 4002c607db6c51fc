"""The tables and pictures of draw.py, on a small sample: python3 bench/test_draw.py"""

import pathlib
import tempfile
import unittest

import draw
import draw_scale


def figure(value, low, high, ratio=(None, None, None)):
    return {"value": value, "low": low, "high": high, "rounds": [low, value, high],
            "ratio": dict(zip(("value", "low", "high"), ratio))}


def contestant(name, kind, *figures):
    return {"name": name, "kind": kind, "figures": list(figures), "samples": []}


def row(title, peer_ratio, higher=False):
    return {
        "title": title, "others": [0.01, 0.03], "run again": 0, "goals": [],
        "metrics": [{"name": "M/s" if higher else "ns", "higher is better": higher}],
        "contestants": [
            contestant("lowthread", "ours", figure(5, 4, 6, (1, 1, 1))),
            contestant("limit", "limit", figure(4, 4, 4, (0.8, 0.7, 0.9))),
            contestant("slow", "peer", figure(1 if higher else 50, 1, 50, (10, 9, 11))),
            contestant("good", "peer", figure(10, 9, 11, peer_ratio)),
            contestant("lowthread, once more", "limit", figure(5, 4, 6, (1.1, 0.9, 1.2))),
        ],
    }


RUN = {
    "began": "2030-01-02T03:04:05Z", "rounds": 5, "quick": False, "peers": "good 1", "missing peers": "none",
    "machine": {"processor": "P", "processors": 2, "system": "Linux", "glibc": "2.36"},
    "rows": [row("a", (2, 1.9, 2.1)), row("b", (1.02, 0.9, 1.1)), row("q, 2 threads", (0.5, 0.4, 0.6), True),
             row("q, 4 threads", (0.5, 0.4, 0.6), True)],
}


class Table(unittest.TestCase):
    def test_a_row_has_the_best_peer_and_the_limit(self):
        lines = draw.table(RUN).splitlines()
        self.assertEqual(lines[2], "| a | 5.00 ns | good | 10.0 | 2.00 [1.90-2.10] | ahead | 0.800 |")
        self.assertIn("| draw |", lines[3])
        self.assertIn("| good | 10.0 | 0.500 [0.400-0.600] | behind |", lines[4])

    def test_the_summary_counts_and_knows_the_control(self):
        text = draw.describe(RUN)
        self.assertIn("Of 4 rows 1 are ahead of the best peer, 1 are draws, 2 are behind.", text)
        self.assertIn("used 2.0%", text)
        self.assertIn("apart by 10.0%", text)

    def test_rows_that_differ_in_threads_are_a_series(self):
        self.assertEqual([n for n, _ in draw.series(RUN)["q, n threads"]], [2, 4])

    def test_rows_are_drawn_under_what_they_are_rows_of(self):
        run = {**RUN, "rows": [row("lock: a", (2, 2, 2)), row("b: c", (3, 3, 3)), row("lock: d: e", (4, 4, 4))]}
        found = draw.groups(run)
        self.assertEqual([(title, peer) for title, peer, _ in found["lock"]], [("a", "good"), ("d: e", "good")])
        self.assertEqual(list(found), ["lock", "b"])

    def test_the_document_shows_each_panel_by_the_name_of_its_file(self):
        self.assertEqual(draw.shown("throughput", draw.series(RUN)),
                         "![q, n threads](performance/throughput-q-n-threads.svg)")

    def test_only_the_part_between_the_marks_is_written_anew(self):
        text = "x\n<!-- table: begin -->\nold\n<!-- table: end -->\ny\n"
        self.assertEqual(draw.replace(text, "table", "new"), text.replace("old", "new"))
        self.assertRaises(ValueError, draw.replace, "x", "table", "new")


class Pictures(unittest.TestCase):
    def test_a_run_draws_what_the_document_shows_and_leaves_nothing_of_another_one(self):
        try:
            import matplotlib
        except ImportError:
            self.skipTest("there is no matplotlib")
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            (folder / "throughput-of-another-run.svg").touch()
            draw.draw(RUN, folder)
            self.assertEqual(sorted(file.name for file in folder.iterdir()),
                             ["overview.svg", "ratios.svg", "throughput-q-n-threads.svg"])
            self.assertIn("1.02 good", (folder / "ratios.svg").read_text())


class Scale(unittest.TestCase):
    RUN = {
        "began": "2030-01-02", "processors": 2, "system": "Linux",
        "rows": [{"title": "lock", "of": "threads", "lines": [
            {"name": "lowthread", "metric": "M/s", "points": [[1, 40], [10, 20], [100, 20], [1000, 10], [10000, 0.2]]},
            {"name": "lowthread", "metric": "ms", "points": [[1, 0], [10, 1], [100, 2], [1000, 4], [10000, 8]]},
            {"name": "peer", "metric": "M/s", "points": [[1, 10], [10, 20], [100, 40], [1000, 10], [10000, 1]]},
            {"name": "peer", "metric": "ms", "points": [[1, 1], [10, 1], [100, 1], [1000, 8], [10000, 32]]},
        ]}],
    }

    def test_a_curve_has_its_ratio_to_the_peer_and_its_power(self):
        lines = draw_scale.table(self.RUN).splitlines()
        self.assertEqual(lines[-2], "| lock, threads | M/s | 40.0 (4.00) | 20.0 (1.00) | 20.0 (0.500) | 10.0 (1.00) | "
                                    "0.200 (0.200) | 1.0 |")
        self.assertEqual(lines[-1], "|  | ms | 0 | 1.00 (1.00) | 2.00 (0.500) | 4.00 (2.00) | 8.00 (4.00) | 0.3 |")


if __name__ == "__main__":
    unittest.main()
