#!/usr/bin/env python3
"""The shell as a user meets it: commands, exit codes, error positions, line editing, history.   ldbsh_test.py LDBSH"""
import os
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import termios
import time
import unittest

LDBSH = os.path.abspath(sys.argv.pop(1))
DEADLINE_S = 60


class Shell(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.environment = dict(os.environ, HOME=self.folder.name, TERM="xterm")

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)
        return self.path(name)

    def run_shell(self, *arguments, input=""):
        done = subprocess.run([LDBSH, *arguments], input=input, capture_output=True, text=True, timeout=DEADLINE_S, env=self.environment)
        return done.returncode, done.stdout, done.stderr

    def test_statements_and_exit_codes(self):
        self.assertEqual(self.run_shell("-A", "-t", "-c", "SELECT 1 + 1"), (0, "2\n", ""))
        code, out, err = self.run_shell("-A", "-t", "-c", "SELECT 1; SELECT nothing; SELECT 3")
        self.assertEqual((code, out), (1, "1\n"))
        self.assertRegex(err, r'-c:1: ERROR 42703: column "nothing" does not exist')
        code, out, err = self.run_shell("-A", "-t", "-k", "-c", "SELECT nothing; SELECT 3")
        self.assertEqual((code, out), (1, "3\n"))
        self.assertEqual(self.run_shell("--no-such-option")[0], 2)
        self.assertEqual(self.run_shell("/dev/null/nowhere", "-c", "SELECT 1")[0], 2)
        self.assertEqual(self.run_shell("-f", self.path("absent.sql"))[0], 1)

    def test_what_was_written_is_there_in_the_next_run(self):
        self.assertEqual(self.run_shell(self.path("data"), "-c", "CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (7)")[0], 0)
        self.assertEqual(self.run_shell(self.path("data"), "-A", "-t", "-c", "SELECT id FROM t"), (0, "7\n", ""))

    def test_an_error_names_file_line_and_statement(self):
        script = self.write("script.sql", "SELECT 1;\n-- a comment;\n\nSELECT 2,\n       nowhere\nFROM (SELECT 1) AS one;\nSELECT 3;\n")
        code, out, err = self.run_shell("-A", "-t", "-f", script)
        self.assertEqual((code, out), (1, "1\n"))
        self.assertIn(f"{script}:5: ERROR 42703:", err)
        self.assertIn("STATEMENT: SELECT 2,\n       nowhere", err)
        outer = self.write("outer.sql", f"SELECT 0;\n\\i {script}\nSELECT 4;\n")
        code, out, err = self.run_shell("-A", "-t", "-f", outer)
        self.assertEqual((code, out), (1, "0\n1\n"))
        self.assertIn(f"{script}:5: ERROR", err)

    def test_commands(self):
        script = "\n".join([
            "CREATE DATABASE shop;", "\\c shop", "CREATE TABLE item (id INT PRIMARY KEY, name TEXT NOT NULL);", "CREATE INDEX item_name ON item (name);",
            "\\dt", "\\di", "\\dn", "\\l", "\\d item", "\\timing on", "SELECT 42 AS answer;", "\\timing off", "\\c", "\\q", "SELECT 'not reached';", ""])
        code, out, err = self.run_shell("-f", self.write("commands.sql", script))
        self.assertEqual((code, err), (0, ""))
        self.assertIn('now connected to database "shop"', out)
        self.assertRegex(out, r"public +\| item +\| BASE TABLE")
        self.assertRegex(out, r"name +\| text +\| not null")
        self.assertIn("item_name", out)
        self.assertRegex(out, r"shop +\| connected")
        self.assertIn("PRIMARY KEY", out)
        self.assertRegex(out, r"Time: [0-9.]+ ms")
        self.assertIn('You are connected to database "shop"', out)
        self.assertNotIn("not reached", out)
        for command, complaint in (("\\c nowhere", "3D000"), ("\\d nothing", "42P01"), ("\\i", "file name"), ("\\nonsense", "unknown command")):
            code, _, err = self.run_shell("-c", command)
            self.assertEqual(code, 1, command)
            self.assertIn(complaint, err)

    def test_statements_come_through_a_pipe(self):
        self.assertEqual(self.run_shell("-A", "-t", input="SELECT 1\n  + 1;\nSELECT 5"), (0, "2\n5\n", ""))
        code, out, err = self.run_shell("-A", "-t", input="SELECT 1;\nSELECT\nnothing;\nSELECT 3;\n")
        self.assertEqual((code, out), (1, "1\n"))
        self.assertIn("stdin:3: ERROR 42703", err)

    def converse(self, steps):
        """Each step: (keys, pattern that must come before the next). Returns the exit code."""
        child, terminal = pty.fork()
        if child == 0:
            os.execve(LDBSH, [LDBSH], self.environment)
        output, deadline = "", time.monotonic() + DEADLINE_S

        def read_until(pattern, start):
            nonlocal output
            while not re.search(pattern, output[start:]):
                self.assertLess(time.monotonic(), deadline, f"no {pattern!r} in {output!r}")
                if select.select([terminal], [], [], 1)[0]:
                    try:
                        output += os.read(terminal, 65536).decode(errors="replace")
                    except OSError:  # the other side has closed
                        self.fail(f"ended before {pattern!r}: {output!r}")

        def press(keys):
            """The editor shows its prompt a moment before it takes the terminal out of line mode; keys that come between are mangled."""
            while termios.tcgetattr(terminal)[3] & termios.ICANON:
                self.assertLess(time.monotonic(), deadline, "the terminal stays in line mode")
                time.sleep(0.001)
            os.write(terminal, keys.encode())

        try:
            read_until(r"ldb=> ", 0)
            for keys, pattern in steps:
                start = len(output)
                press(keys)
                read_until(pattern, start)
            press("\x04")
            self.read_to_the_end(terminal, deadline)
        except BaseException:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise
        finally:
            os.close(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def read_to_the_end(self, terminal, deadline):
        while True:
            self.assertLess(time.monotonic(), deadline, "the shell does not end")
            try:
                if select.select([terminal], [], [], 1)[0] and not os.read(terminal, 65536):
                    return
            except OSError:  # the other side has closed
                return

    def test_lines_are_edited_and_remembered(self):
        left, up, backspace = "\x1b[D", "\x1b[A", "\x7f"
        # "SELECT 40 + 3" becomes 40 + 2 by backspace, then 41 goes in by moving left.
        steps = [
            (f"SELECT 40 + 3{backspace}2;\r", r"\b42\b[^\0]*ldb=> "),
            (f"{up}{left}{left}{left}{left}{left}{backspace}1\r", r"\b43\b[^\0]*ldb=> "),
            ("SELECT\r", r"ldb-> "),
            ("7 * 11;\r", r"\b77\b[^\0]*ldb=> "),
        ]
        self.assertEqual(self.converse(steps), 0)
        with open(self.path(".ldbsh_history")) as file:
            self.assertIn("SELECT", file.read())
        # The next shell knows what this one did.
        self.assertEqual(self.converse([(f"{up}\r", r"\b77\b[^\0]*ldb=> ")]), 0)
        self.assertEqual(self.converse([("SELECT broken;\r", r"ERROR 42703[^\0]*ldb=> ")]), 1)


unittest.main(verbosity=2)
