// Shows and checks the files of a data directory, also of one that cannot be opened. Never writes.
#include <CLI/CLI.hpp>
#include <iostream>
#include <string>

#include "storage/inspect/inspect.hpp"

namespace {

void print(const std::string& line) { std::cout << line << '\n'; }

int report(const ldb::Status& status) {
  std::cout.flush();
  if (status) return 0;
  std::cerr << "ldbdump: " << status.to_string() << '\n';
  return status.code() == ldb::StatusCode::kCorruption ? 1 : 2;
}

int verify(const std::string& directory) {
  const auto result = ldb::storage::verify_directory(ldb::posix_file_system(), directory,
                                                     [](const std::string& line) { print("note: " + line); });
  if (!result) return report(result.error());
  for (const auto& damage : result->damage) print("damage: " + damage.to_string());
  print(std::to_string(result->files) + " files, " + std::to_string(result->bytes) + " bytes, " +
        (result->damage.empty() ? "no damage" : std::to_string(result->damage.size()) + " damaged places"));
  return result->damage.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Shows and checks the files of an ldb data directory without opening it.\n"
      "Exit code: 0 fine, 1 damage found, 2 could not look.");
  app.require_subcommand(1);
  std::string path;
  bool entries = false;
  auto* const log = app.add_subcommand("log", "records of a log segment, or of all segments of a directory");
  log->add_option("path", path, "FILE.wal or DIRECTORY")->required();
  auto* const manifest = app.add_subcommand("manifest", "version edits, and the tree they make");
  manifest->add_option("directory", path)->required();
  auto* const table = app.add_subcommand("table", "footer, properties and blocks of a table");
  table->add_option("file", path, "FILE.sst")->required();
  table->add_flag("--entries", entries, "every entry, too");
  auto* const check = app.add_subcommand("verify", "reads every block of every file; names file and offset of damage");
  check->add_option("directory", path)->required();
  CLI11_PARSE(app, argc, argv);
  auto& fs = ldb::posix_file_system();
  if (log->parsed()) return report(ldb::storage::dump_log(fs, path, print));
  if (manifest->parsed()) return report(ldb::storage::dump_manifest(fs, path, print));
  if (table->parsed()) return report(ldb::storage::dump_table(fs, path, entries, print));
  return verify(path);
}
