// Every input in corpus/ through its target: seeds, and whatever a fuzzer once found. And valid files with their bytes changed.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "base/random.hpp"
#include "fuzz/targets.hpp"

using namespace ldb;

TEST_CASE("Every input of the corpus goes through its target") {
  std::size_t inputs = 0;
  for (const fuzz::NamedTarget& target : fuzz::targets()) {
    const std::filesystem::path folder = std::filesystem::path(LDB_SOURCE_DIR) / "tests/fuzz/corpus" / target.name;
    CAPTURE(folder.string());
    REQUIRE(std::filesystem::exists(folder));
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      CAPTURE(entry.path().string());
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string input((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
      target.run(input);
      ++inputs;
      // And what lies around it.
      Random random(inputs);
      for (int i = 0; i < 20 && !input.empty(); ++i) {
        std::string changed = input;
        changed[random.below(changed.size())] = static_cast<char>(random.below(256));
        if (random.one_in(4)) changed.resize(random.below(changed.size() + 1));
        target.run(changed);
      }
    }
  }
  CHECK(inputs >= 2 * fuzz::targets().size());
}
