// PostgreSQL's own grammar (libpg_query) as the judge of the parser. Tests only; absent when the library is not installed.
#pragma once

#ifdef LDB_HAVE_PG_QUERY

#include <optional>
#include <string>

namespace ldb::sql::test {

struct Judgement {
  bool accepted = false;
  std::string error;  ///< PostgreSQL's message when refused.
  int position = 0;   ///< 1-based character.
};

/// Whether PostgreSQL 15's grammar accepts `sql`.
Judgement judge(const std::string& sql);

/// PostgreSQL's parse tree of `sql` as text, without positions and other traces of spelling; nothing when it refuses.
std::optional<std::string> postgres_tree(const std::string& sql);

}  // namespace ldb::sql::test

#endif
