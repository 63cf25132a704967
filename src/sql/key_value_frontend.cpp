// A front end without SQL: GET, PUT, DELETE and SCAN over the pairs of KeyValue. Shows that the language seam is real.
#include <algorithm>

#include "base/rt/rt.hpp"
#include "ldb/sql_frontend.hpp"
#include "txn/key_value_rows.hpp"

namespace ldb {
namespace {

Status syntax_error(std::string message) { return Status::sql(StatusCode::kInvalidArgument, "42601", std::move(message)); }

/// Words separated by blanks; 'quoted text' (a quote is doubled inside) and $n are words too.
class Words {
 public:
  explicit Words(std::string_view text) : rest_(text) {}

  /// False at the end of the statement.
  Result<bool> next(std::string& word, std::span<const Value> parameters) {
    while (!rest_.empty() && (rest_[0] == ' ' || rest_[0] == '\t' || rest_[0] == '\n' || rest_[0] == '\r'))
      rest_.remove_prefix(1);
    word.clear();
    if (rest_.empty() || rest_[0] == ';') return false;
    if (rest_[0] == '\'') return quoted(word);
    const std::size_t end = std::min(rest_.find_first_of(" \t\r\n;"), rest_.size());
    word = rest_.substr(0, end);
    rest_.remove_prefix(end);
    if (word.size() < 2 || word[0] != '$') return true;
    std::size_t index = 0;
    for (std::size_t i = 1; i < word.size(); ++i) {
      if (word[i] < '0' || word[i] > '9' || index > 9999) return syntax_error("not a parameter: " + word);
      index = index * 10 + static_cast<std::size_t>(word[i] - '0');
    }
    highest_ = std::max(highest_, index);
    if (index == 0 || (!counting_ && index > parameters.size())) return syntax_error("there is no parameter " + word);
    if (counting_) return true;
    const Value& value = parameters[index - 1];
    if (const auto* bytes = std::get_if<Bytes>(&value.storage())) {
      word = bytes->data;
      return true;
    }
    LDB_ASSIGN_OR_RETURN(word, value.as<std::string>());
    return true;
  }
  /// Parameters are only counted, not replaced.
  void only_count() { counting_ = true; }
  std::size_t highest_parameter() const { return highest_; }
  /// What follows the semicolon.
  std::string_view rest() const { return rest_.empty() ? rest_ : rest_.substr(1); }

 private:
  Result<bool> quoted(std::string& word) {
    for (std::size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] != '\'') {
        word.push_back(rest_[i]);
      } else if (i + 1 < rest_.size() && rest_[i + 1] == '\'') {
        word.push_back('\'');
        ++i;
      } else {
        rest_.remove_prefix(i + 1);
        return true;
      }
    }
    return syntax_error("unterminated quoted text");
  }

  std::string_view rest_;
  std::size_t highest_ = 0;
  bool counting_ = false;
};

struct Command {
  std::string verb;
  std::vector<std::string> arguments;
};

constexpr DataType kBytes{TypeId::kBytea, -1, 0};
constexpr int kMaxAttempts = 64;

class KeyValueSession final : public SqlSession {
 public:
  KeyValueSession(RowStore& rows, SessionOptions options) : rows_(rows), options_(std::move(options)) {}

  Status execute(std::string_view text, std::span<const Value> parameters, const std::function<void(ResultSet)>& sink) override {
    for (;;) {
      Words words(text);
      Command command;
      LDB_TRY(read(words, parameters, command));
      if (command.verb.empty() && words.rest().empty()) return {};
      if (!command.verb.empty()) {
        LDB_ASSIGN_OR_RETURN(ResultSet result, run(command));
        sink(std::move(result));
      }
      text = words.rest();
    }
  }
  Result<std::unique_ptr<SqlStatement>> prepare(std::string_view sql) override;
  TransactionState transaction_state() const override { return attached_ ? TransactionState::kActive : TransactionState::kIdle; }
  const std::string& database() const override { return options_.database; }
  void attach(RowTransaction* transaction) override { attached_ = transaction; }

  static Status read(Words& words, std::span<const Value> parameters, Command& command) {
    std::string word;
    for (bool first = true;; first = false) {
      LDB_ASSIGN_OR_RETURN(const bool more, words.next(word, parameters));
      if (!more) break;
      if (first) {
        std::transform(word.begin(), word.end(), word.begin(),
                       [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
        command.verb = std::move(word);
      } else {
        command.arguments.push_back(std::move(word));
      }
    }
    static constexpr struct {
      std::string_view verb;
      std::size_t least, most;
    } kVerbs[] = {{"GET", 1, 1}, {"PUT", 2, 2}, {"DELETE", 1, 1}, {"SCAN", 0, 2}};
    if (command.verb.empty()) return {};
    for (const auto& known : kVerbs) {
      if (known.verb != command.verb) continue;
      const std::size_t count = command.arguments.size();
      if (count >= known.least && count <= known.most) return {};
      return syntax_error(command.verb + " does not take " + std::to_string(count) + " arguments");
    }
    return syntax_error("unknown command \"" + command.verb + "\" (GET, PUT, DELETE, SCAN)");
  }

  static std::vector<ColumnInfo> columns_of(const std::string& verb) {
    if (verb == "GET") return {{"value", kBytes}};
    if (verb == "SCAN") return {{"key", kBytes}, {"value", kBytes}};
    return {};
  }

  Result<ResultSet> run(const Command& command) {
    if (attached_) return run_in(*attached_, command);
    for (int attempt = 1;; ++attempt) {
      LDB_ASSIGN_OR_RETURN(const auto own, rows_.begin({IsolationLevel::kSnapshot, false, options_.sync}));
      LDB_ASSIGN_OR_RETURN(ResultSet result, run_in(*own, command));
      const Status committed = own->commit().status();
      if (committed) return result;
      if (committed.code() != StatusCode::kConflict || attempt == kMaxAttempts) return committed;
      rt::yield();
    }
  }

 private:
  static Result<ResultSet> run_in(RowTransaction& transaction, const Command& command) {
    std::vector<Value> values;
    std::uint64_t count = 1;
    if (command.verb == "GET") {
      LDB_ASSIGN_OR_RETURN(auto value, key_value::get(transaction, command.arguments[0]));
      if (value) values.emplace_back(Bytes{std::move(*value)});
      count = values.size();
    } else if (command.verb == "SCAN") {
      KeyRange range;
      if (!command.arguments.empty()) range.lower = command.arguments[0];
      if (command.arguments.size() > 1) range.upper = command.arguments[1];
      LDB_ASSIGN_OR_RETURN(auto pairs, key_value::scan(transaction, range, SIZE_MAX));
      count = pairs.size();
      for (KeyValuePair& pair : pairs) {
        values.emplace_back(Bytes{std::move(pair.key)});
        values.emplace_back(Bytes{std::move(pair.value)});
      }
    } else if (command.verb == "PUT") {
      LDB_TRY(key_value::put(transaction, command.arguments[0], command.arguments[1]));
    } else {
      LDB_TRY(key_value::erase(transaction, command.arguments[0]));
    }
    return ResultSet(columns_of(command.verb), std::move(values), command.verb + " " + std::to_string(count), count);
  }

  RowStore& rows_;
  SessionOptions options_;
  RowTransaction* attached_ = nullptr;
};

class KeyValueStatement final : public SqlStatement {
 public:
  KeyValueStatement(KeyValueSession& session, std::string text, std::size_t parameters, std::vector<ColumnInfo> columns)
      : session_(session), text_(std::move(text)), parameters_(parameters), columns_(std::move(columns)) {}
  std::size_t parameter_count() const override { return parameters_; }
  std::vector<DataType> parameter_types() const override { return std::vector<DataType>(parameters_, kBytes); }
  const std::vector<ColumnInfo>& columns() const override { return columns_; }
  Result<ResultSet> execute(std::span<const Value> parameters) override {
    if (parameters.size() != parameters_) return syntax_error("the statement has " + std::to_string(parameters_) + " parameters");
    Words words(text_);
    Command command;
    LDB_TRY(KeyValueSession::read(words, parameters, command));
    return session_.run(command);
  }

 private:
  KeyValueSession& session_;
  std::string text_;
  std::size_t parameters_;
  std::vector<ColumnInfo> columns_;
};

Result<std::unique_ptr<SqlStatement>> KeyValueSession::prepare(std::string_view text) {
  Words words(text);
  words.only_count();
  Command command;
  LDB_TRY(read(words, {}, command));
  if (command.verb.empty() || !words.rest().empty()) return syntax_error("a prepared statement is exactly one command");
  return std::unique_ptr<SqlStatement>(
      std::make_unique<KeyValueStatement>(*this, std::string(text), words.highest_parameter(), columns_of(command.verb)));
}

class KeyValueFrontend final : public SqlFrontend {
 public:
  Status start(const SqlServices& services) override {
    rows_ = services.rows;
    return {};
  }
  void stop() override {}
  Result<std::unique_ptr<SqlSession>> open_session(const SessionOptions& options) override {
    if (options.database != "ldb") return Status(StatusCode::kNotFound, "the key-value front end has one database, \"ldb\"");
    return std::unique_ptr<SqlSession>(std::make_unique<KeyValueSession>(*rows_, options));
  }
  RowIndexer* indexer() override { return nullptr; }
  std::string_view name() const override { return "key-value"; }

 private:
  RowStore* rows_ = nullptr;
};

}  // namespace

std::unique_ptr<SqlFrontend> new_key_value_frontend() { return std::make_unique<KeyValueFrontend>(); }

}  // namespace ldb
