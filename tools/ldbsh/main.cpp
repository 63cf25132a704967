// ldbsh: a shell over an ldb data directory, or over a new node in memory.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "shell.hpp"

namespace {

struct Arguments {
  std::string directory;
  std::string database = "ldb";
  std::string listen;
  std::string node = "node";
  std::vector<std::string> peers;
  std::vector<std::string> commands;
  std::vector<std::string> files;
  bool unaligned = false;
  bool tuples_only = false;
  bool keep_going = false;
  bool verbose = false;
  std::string separator = "|";
  std::string null_text;
};

void declare(CLI::App& app, Arguments& arguments) {
  app.add_option("directory", arguments.directory, "Data directory (created when missing); without it a new node in memory");
  app.add_option("-d,--database", arguments.database, "Database to connect to")->capture_default_str();
  app.add_option("-c,--command", arguments.commands, "Run these statements and exit (may be repeated)");
  app.add_option("-f,--file", arguments.files, "Run this file and exit (may be repeated; after all -c)");
  app.add_flag("-k,--keep-going", arguments.keep_going, "Go on after a failed statement (the exit code still tells)");
  app.add_flag("-A,--no-align", arguments.unaligned, "Unaligned output");
  app.add_flag("-t,--tuples-only", arguments.tuples_only, "Rows only: no headers, tags or counts");
  app.add_option("-F,--field-separator", arguments.separator, "Separator of unaligned output")->capture_default_str();
  app.add_option("--null", arguments.null_text, "Text shown for NULL");
  app.add_option("--listen", arguments.listen, "HOST:PORT to serve peers on");
  app.add_option("--node", arguments.node, "This node's name in its cluster")->capture_default_str();
  app.add_option("--peer", arguments.peers, "NAME=HOST:PORT of a peer (may be repeated)");
  app.add_flag("-v,--verbose", arguments.verbose, "Log what the node does on standard error");
}

bool add_peers(const std::vector<std::string>& texts, ldb::NodeOptions& options) {
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos) {
      std::cerr << "ldbsh: --peer takes NAME=HOST:PORT, not " << text << '\n';
      return false;
    }
    options.peers.push_back({ldb::NodeId{text.substr(0, equals)}, text.substr(equals + 1)});
  }
  return true;
}

bool run(const Arguments& arguments, ldbsh::Shell& shell) {
  if (!shell.connect(arguments.database)) return false;
  if (arguments.commands.empty() && arguments.files.empty()) {
    shell.run_prompt(isatty(STDIN_FILENO) != 0);
  } else {
    bool go_on = true;
    for (const std::string& command : arguments.commands)
      go_on = go_on && (shell.run_text(command, {"-c", 1}) || arguments.keep_going);
    for (const std::string& file : arguments.files) go_on = go_on && (shell.run_file(file) || arguments.keep_going);
  }
  return shell.failures() == 0;
}

}  // namespace

/// Exit code: 0 all statements succeeded; 1 a statement failed; 2 wrong usage or the node cannot be opened.
int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app{"Shell for ldb databases", "ldbsh"};
  app.set_version_flag("--version", std::string("ldbsh ") + ldb::version());
  declare(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }

  ldb::NodeOptions options;
  options.directory = arguments.directory;
  options.id = ldb::NodeId{arguments.node};
  options.listen = arguments.listen;
  if (!add_peers(arguments.peers, options)) return 2;
  std::unique_ptr<ldb::LogSink> log;
  if (arguments.verbose) {
    log = ldb::new_stderr_log_sink(ldb::LogLevel::kInfo, arguments.node);
    options.log_sink = log.get();
  }
  ldb::Result<std::unique_ptr<ldb::Node>> node = ldb::Node::open(std::move(options));
  if (!node) {
    std::cerr << "ldbsh: " << node.error().to_string() << '\n';
    return 2;
  }
  bool succeeded = false;
  {
    ldbsh::PrintOptions print{!arguments.unaligned, arguments.tuples_only, arguments.separator, arguments.null_text};
    ldbsh::Shell shell(**node, std::cout, std::cerr, print, arguments.keep_going);
    succeeded = run(arguments, shell);
  }
  if (const ldb::Status closed = (*node)->close(); !closed) {
    std::cerr << "ldbsh: closing: " << closed.to_string() << '\n';
    return 1;
  }
  return succeeded ? 0 : 1;
}
