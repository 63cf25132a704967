// Grammar: the recursive-descent parser behind parse(). Its functions are spread over grammar_*.cpp by subject.
#pragma once

#include <algorithm>
#include <string>
#include <variant>

#include "sql/parse/ast.hpp"
#include "sql/parse/lexer.hpp"
#include "sql/parse/parser.hpp"

namespace ldb::sql {

/// One parse of one text. Fails by throwing ParseFailure; parse() and parse_expression() catch it. Recursion is bounded by
/// max_depth nested constructs of at most a dozen functions each.
class Grammar {
 public:
  Grammar(std::string_view text, Arena& arena, const ParseLimits& limits);

  void parse_script(std::vector<const ast::Statement*>& out);
  const ast::Expression* parse_lone_expression();
  std::uint32_t parameter_count() const { return parameter_count_; }

 private:
  using E = const ast::Expression*;

  // Precedence levels, lowest first (PostgreSQL's gram.y).
  enum Precedence : int {
    kLowest = 1,
    kOrLevel = 1,
    kAndLevel,
    kNotLevel,
    kIsLevel,
    kCompareLevel,
    kLikeLevel,
    kOperatorLevel,
    kAddLevel,
    kMultiplyLevel,
    kPowerLevel,
    kAtLevel,
    kCollateLevel,
    kUnaryLevel,
    kCastLevel,
  };

  // --- tokens (grammar.cpp)
  void advance() {
    previous_end_ = token_.end;
    lexer_.next(token_);
  }
  Token peek();
  Token peek(int n);
  bool at(Keyword k) const { return token_.keyword == k; }
  bool at(TokenKind k) const { return token_.kind == k; }
  bool accept(Keyword k) { return at(k) ? (advance(), true) : false; }
  bool accept(TokenKind k) { return at(k) ? (advance(), true) : false; }
  bool accept_two(Keyword first, Keyword second);
  bool at_word(std::string_view lower) const;  // an identifier or key word, unquoted
  bool accept_word(std::string_view lower) { return at_word(lower) ? (advance(), true) : false; }
  void expect(Keyword k) { accept(k) ? void() : fail_syntax(); }
  void expect(TokenKind k) { accept(k) ? void() : fail_syntax(); }
  bool accept_if_exists();
  bool accept_if_not_exists();
  [[noreturn]] void fail_syntax() { fail_syntax(token_); }
  [[noreturn]] void fail_syntax(const Token& token);
  [[noreturn]] void fail(std::string_view sqlstate, std::string message, ast::Position position);
  [[noreturn]] void unsupported(std::string_view what, ast::Position position);
  [[noreturn]] void unsupported(std::string_view what) { unsupported(what, token_.position); }

  class DepthGuard {
   public:
    explicit DepthGuard(Grammar& g) : grammar_(g) {
      if (++g.depth_ > g.limits_.max_depth) g.fail_depth();
    }
    ~DepthGuard() { --grammar_.depth_; }
    DepthGuard(const DepthGuard&) = delete;
    DepthGuard& operator=(const DepthGuard&) = delete;

   private:
    Grammar& grammar_;
  };
  [[noreturn]] void fail_depth();

  // --- names (grammar.cpp)
  static bool is_column_name(const Token& t);       // ColId
  static bool is_type_or_function(const Token& t);  // type_function_name
  static bool is_any_word(const Token& t);          // ColLabel
  static bool is_bare_label(const Token& t);        // BareColLabel
  static bool is_non_reserved(const Token& t);      // NonReservedWord
  bool at_column_name() const { return is_column_name(token_); }
  std::string_view parse_column_name();
  std::string_view parse_any_word();
  std::string_view parse_non_reserved();
  ast::QualifiedName parse_qualified_name();
  ast::Name parse_name();
  List<ast::Name> parse_name_list();   // (a, b)
  List<ast::Name> accept_name_list();  // [(a, b)]
  List<ast::QualifiedName> parse_qualified_names();
  std::string_view parse_string();
  std::int64_t parse_signed_integer();
  std::string_view slice(std::uint32_t begin) const { return lexer_.text().substr(begin, previous_end_ - begin); }

  // --- nodes
  template <class T>
  T* make(ast::Position position) {
    T* node = arena_.make<T>();
    node->position = position;
    return node;
  }
  static std::uint16_t height(E e) { return e == nullptr ? std::uint16_t{0} : e->height; }
  /// Sets the node's height from its tallest child and enforces the limit.
  template <class T>
  T* finish(T* node, std::size_t child_height) {
    if (child_height + 1 > limits_.max_depth) fail_depth();
    node->height = static_cast<std::uint16_t>(child_height + 1);
    tallest_ = std::max(tallest_, node->height);
    return node;
  }
  /// Measures the tallest node finished while it lives, for nodes with many kinds of children.
  class HeightScope {
   public:
    explicit HeightScope(Grammar& g) : grammar_(g), saved_(g.tallest_) { g.tallest_ = 0; }
    ~HeightScope() { grammar_.tallest_ = std::max(grammar_.tallest_, saved_); }
    HeightScope(const HeightScope&) = delete;
    HeightScope& operator=(const HeightScope&) = delete;
    std::uint16_t height() const { return grammar_.tallest_; }

   private:
    Grammar& grammar_;
    std::uint16_t saved_;
  };

  // --- expressions (grammar_expression.cpp, grammar_operator.cpp)
  E parse_expression() { return parse_expression(kLowest, false); }
  E parse_restricted_expression() { return parse_expression(kLowest, true); }  // b_expr: no AND, OR, NOT, IN, LIKE, IS NULL
  E parse_expression(int lowest, bool restricted) { return parse_operators(parse_prefix(restricted), lowest, restricted); }
  E parse_operators(E left, int lowest, bool restricted);
  E parse_prefix(bool restricted);
  E parse_primary();
  E number_literal(std::string_view digits, bool negative, ast::Position position);
  E string_literal(std::string_view text, ast::Position position);
  E negate(E operand, ast::Position position);
  struct OperatorToken {
    ast::Operator op = ast::Operator::kOther;
    std::string_view symbol;
    int level = 0;  // 0: the token is no infix operator
  };
  OperatorToken infix_operator();            // the current token as one, not consumed
  void consume_operator(OperatorToken& op);  // that token, or OPERATOR(schema.op)
  static ast::Operator operator_named(std::string_view symbol);
  std::string_view parse_any_operator();
  E parse_chain(E left, int level, bool restricted);
  E finish_binary(E first, List<ast::BinaryLink> links, std::size_t tallest);
  bool apply_keyword_operator(E& left, int lowest, bool restricted, int& blocked);
  bool enter_level(int level, int lowest, int blocked);
  bool at_negated_predicate();
  bool at_quantifier() const { return at(Keyword::kAny) || at(Keyword::kAll) || at(Keyword::kSome); }
  E parse_quantified(E left, ast::Operator op, std::string_view symbol, ast::Position position);
  E parse_logical(E left, bool is_or);
  E parse_predicate(E left, bool& ends_in_operand);
  E parse_at_time_zone(E left);
  E parse_collate(E left);
  E parse_like(E left, ast::LikeKind kind, bool negated, ast::Position position);
  E parse_between(E left, bool negated, ast::Position position);
  E parse_in(E left, bool negated, ast::Position position);
  E parse_is(E left, bool restricted, bool& ends_in_operand);
  E parse_is_normalized(E left, bool negated, ast::Position position);
  E is_test(E left, ast::IsTestKind kind, bool negated, ast::Position position);
  E parse_overlaps(E left);
  using Parenthesized = std::variant<const ast::Query*, E>;
  Parenthesized parse_parenthesized(ast::Position open, bool row_allowed = true);  // after the opening parenthesis at `open`
  Parenthesized parse_nested_parenthesized(ast::Position open, bool row_allowed);
  E finish_row(E first, ast::Position position, std::size_t tallest);
  E parse_row_element();
  E scalar_subquery(const ast::Query* query, ast::Position position);
  bool at_nested_query();
  bool at_query_continuation() const;
  E parse_parenthesis_primary();
  E parse_indirection(E base);
  E parse_subscript(E base);
  E parse_column_or_call();
  E parse_keyword_primary();
  E parse_special_syntax();
  E parse_call(ast::QualifiedName name, bool windowless);
  void parse_call_arguments(ast::FunctionCall* call);
  bool at_named_argument();
  ast::FunctionArgument parse_argument(bool& named);
  E finish_plain_call(std::string_view name, ast::Position position, E first);
  E parse_typed_literal_after(const ast::FunctionCall* call);
  E typed_literal(const ast::TypeName* type, ast::Position position);
  const ast::WindowSpec* parse_over();
  const ast::WindowSpec* parse_window_spec();
  const ast::WindowFrame* parse_frame();
  ast::FrameBound parse_frame_bound();
  void check_frame(const ast::WindowFrame& frame, bool between, ast::Position start_position, ast::Position end_position);
  E parse_case();
  E parse_cast();
  E parse_array();
  E parse_array_brackets(ast::Position position);
  E parse_row();
  E parse_exists();
  E parse_special_call(ast::SpecialFunction function);
  E parse_current_value(ast::CurrentValueKind kind, bool precision);
  E parse_extract();
  E parse_position();
  E parse_substring();
  E parse_overlay();
  E parse_trim();
  E parse_normalize();
  E parse_normal_form();
  E parse_collation_for();
  E catalog_call(std::string_view name, std::initializer_list<E> arguments, ast::Position position, std::size_t children);
  bool at_type_literal();
  E parse_typed_literal();
  List<E> parse_expression_list();
  const ast::Query* parse_subquery();  // ( query )
  bool at_query_start();               // where VALUES may also be a name
  bool at_query_word() const;

  // --- types (grammar_type.cpp)
  const ast::TypeName* parse_type() { return parse_type(false); }
  const ast::TypeName* parse_type(bool constant);
  void parse_type_name(ast::TypeName* type, bool constant);
  bool parse_keyword_type(ast::TypeName* type, bool constant);
  void parse_character_type(ast::TypeName* type, bool varying, bool constant);
  void parse_float(ast::TypeName* type);
  void parse_time_type(ast::TypeName* type, bool stamp);
  void parse_interval_fields(ast::TypeName* type);
  List<E> parse_type_modifiers();
  void parse_array_bounds(ast::TypeName* type);
  E parse_literal();
  E one();
  static std::string_view plain_type_name(std::string_view name);  // STRING is text, DOUBLE is float8

  // --- queries (grammar_query.cpp, grammar_order.cpp, grammar_from.cpp)
  const ast::Query* parse_query();
  const ast::Query* parse_query_with(const ast::WithClause* with, const ast::QueryBody* first, ast::Position position);
  void parse_query_tail(ast::Query* query);
  void parse_limit(ast::Query* query);
  void parse_fetch(ast::Query* query);
  const ast::Query* merge_nested(ast::Query* outer, const ast::Query* inner);
  const ast::WithClause* parse_with();
  ast::CommonTable parse_common_table();
  const ast::CteSearch* parse_search();
  const ast::CteCycle* parse_cycle();
  E parse_constant();
  const ast::QueryBody* parse_set_operations(const ast::QueryBody* first, bool intersect_only);
  const ast::QueryBody* parse_query_primary();
  const ast::QueryBody* body_of(const ast::Query* query);
  const ast::QueryBody* parse_select();
  const ast::QueryBody* parse_values();
  const ast::QueryBody* parse_table_command();
  const ast::IntoClause* parse_into();
  bool at_into_modifier();
  bool at_select_item() const;
  void parse_relation(ast::QualifiedName& name, bool& only);  // name [*], ONLY name, ONLY (name)
  void parse_nulls_order(ast::NullsOrder& nulls);
  /// Counts one more level around nodes that hold no height of their own.
  void add_height(std::size_t child_height) {
    if (child_height + 1 > limits_.max_depth) fail_depth();
    tallest_ = std::max(tallest_, static_cast<std::uint16_t>(child_height + 1));
  }
  List<ast::SelectItem> parse_select_items();
  List<ast::SelectItem> accept_returning();
  List<ast::OrderItem> parse_order_items();
  ast::OrderItem parse_order_item();
  void parse_sort_direction(ast::SortDirection& direction, ast::NullsOrder& nulls);
  List<ast::GroupItem> parse_group_items(bool sets);
  ast::GroupItem parse_group_item();
  List<ast::NamedWindow> parse_windows();
  ast::LockingClause parse_locking();
  List<const ast::TableRef*> parse_from_list();
  const ast::TableRef* parse_table_ref();
  const ast::TableRef* parse_joins(const ast::TableRef* left);
  const ast::TableRef* parse_table_primary();
  const ast::TableRef* parse_parenthesized_table();
  const ast::TableRef* parse_subquery_table(const ast::Query* query, bool lateral, ast::Position position);
  const ast::TableRef* parse_function_table(bool lateral);
  const ast::TableRef* parse_named_table();
  void accept_function_alias(ast::FunctionTable* table);
  const ast::Query* parse_query_or_table(const ast::TableRef*& table);
  bool at_table_function();
  ast::QualifiedName parse_function_name();
  E parse_table_function_call();
  const ast::TableSample* accept_table_sample();
  bool accept_alias(ast::TableAlias& alias);
  void accept_alias_columns(ast::TableAlias& alias);
  List<ast::ColumnTypeDefinition> parse_column_types();
  const ast::TableRef* parse_join_condition(ast::Join* join);

  // --- statements (grammar.cpp dispatches)
  const ast::Statement* parse_statement();
  const ast::Statement* parse_keyword_statement();
  [[noreturn]] void refuse_statement();
  template <class T>
  T* statement() {
    T* node = arena_.make<T>();
    node->position = token_.position;
    return node;
  }
  const ast::Statement* select_statement(const ast::Query* query, ast::Position position);
  const ast::Statement* parse_with_statement();
  const ast::Statement* parse_preparable();  // SELECT, INSERT, UPDATE, DELETE, MERGE, VALUES, with or without WITH

  // grammar_dml.cpp
  const ast::Statement* parse_insert(const ast::WithClause* with);
  const ast::Statement* parse_update(const ast::WithClause* with);
  const ast::Statement* parse_delete(const ast::WithClause* with);
  const ast::Statement* parse_merge(const ast::WithClause* with);
  ast::MergeWhen parse_merge_when();
  void parse_merge_insert(ast::MergeWhen& when);
  ast::TargetTable parse_target(bool insert);
  List<ast::Name> parse_target_columns();
  ast::Name parse_target_column();
  List<ast::Assignment> parse_assignments();
  ast::Assignment parse_assignment();
  E parse_assigned_value(bool multiple);
  const ast::OnConflict* parse_on_conflict();
  E parse_where_or_current_of();
  ast::Overriding accept_overriding();

  // grammar_table.cpp
  const ast::Statement* parse_create_table(ast::Persistence persistence);
  void parse_table_elements(ast::CreateTable* table);
  void parse_table_tail(ast::CreateTable* table);
  const ast::Statement* finish_create_table_as(const ast::CreateTable* table, List<ast::Name> columns);
  bool at_name_list_then_as();
  bool at_table_constraint() const;
  ast::ColumnDefinition parse_column_definition();
  bool parse_column_constraint(ListBuilder<ast::Constraint, 4>& out, ast::ColumnDefinition& column);
  ast::Constraint parse_table_constraint();
  void parse_key_constraint(ast::Constraint& c, bool of_table);
  void parse_index_parameters(ast::Constraint& c);
  void parse_references(ast::Constraint& c);
  void parse_exclude(ast::Constraint& c);
  ast::ReferenceAction parse_reference_action(ast::Constraint& c, bool on_delete);
  bool parse_constraint_attribute(ast::Constraint& c);
  void parse_generated(ast::Constraint& c);
  ast::LikeClause parse_like_clause();
  const ast::PartitionSpec* parse_partition_by();
  ast::OnCommit parse_on_commit();
  bool accept_with_data(bool& with_data);

  // grammar_schema.cpp, grammar_sequence.cpp, grammar_drop.cpp
  const ast::Statement* parse_create();
  [[noreturn]] void refuse_object(std::string_view verb);
  const ast::Statement* parse_create_index();
  ast::IndexElement parse_index_element();
  List<ast::IndexElement> parse_index_elements();
  const ast::Statement* parse_create_view(bool or_replace, ast::Persistence persistence, bool recursive);
  const ast::Statement* parse_create_materialized_view(ast::Persistence persistence);
  const ast::Statement* parse_create_sequence(ast::Persistence persistence);
  const ast::SequenceOptions* parse_parenthesized_sequence_options();
  bool parse_sequence_option(ast::SequenceOptions& options);
  void parse_owned_by(ast::SequenceOptions& options);
  const ast::Literal* parse_number();
  std::string_view parse_role();
  const ast::Statement* parse_create_schema();
  const ast::Statement* parse_create_database();
  const ast::Statement* parse_drop();
  const ast::Statement* parse_truncate();
  const ast::Statement* parse_comment();
  const ast::Statement* parse_reindex();
  ast::ObjectKind parse_object_kind(std::string_view verb);
  List<ast::RelationRef> parse_relation_refs();
  bool accept_cascade();
  ast::QualifiedName lone_name();

  // grammar_alter.cpp
  const ast::Statement* parse_alter();
  const ast::Statement* parse_alter_sequence(const ast::AlterTable* target);
  const ast::Statement* parse_alter_container(ast::AlterTable* alter);
  void parse_alter_identity(ast::AlterCommand& c);
  ast::AlterCommand parse_alter_command();
  void parse_alter_add(ast::AlterCommand& c);
  void parse_alter_drop(ast::AlterCommand& c);
  void parse_alter_column(ast::AlterCommand& c);
  void parse_alter_column_set(ast::AlterCommand& c);
  void parse_alter_set(ast::AlterCommand& c);
  const ast::Statement* parse_rename(ast::ObjectKind object, const ast::AlterTable* target);

  // grammar_utility.cpp
  const ast::Statement* parse_transaction();
  ast::TransactionModes parse_transaction_modes(bool required);
  bool parse_transaction_mode(ast::TransactionModes& modes);
  ast::IsolationLevel parse_isolation();
  ast::Tristate parse_chain();
  const ast::Statement* parse_set();
  const ast::Statement* parse_set_special(ast::SetScope scope, ast::Position position);
  const ast::Statement* parse_set_constraints();
  void parse_set_time_zone(ast::SetVariable* set);
  std::string_view parse_variable_name();
  ast::OptionValue parse_setting_value(bool allow_default);
  const ast::Statement* parse_show();
  const ast::Statement* parse_reset();
  std::string_view parse_special_variable();
  const ast::Statement* parse_explain();
  const ast::Statement* parse_explained_create();
  const ast::Statement* parse_analyze();
  const ast::Statement* parse_vacuum();
  List<ast::MaintainedTable> parse_maintained_tables();
  List<ast::Option> parse_utility_options();
  const ast::Statement* parse_prepare();
  const ast::Statement* parse_execute();
  const ast::Statement* parse_deallocate();
  const ast::Statement* parse_copy();
  void parse_copy_old_options(ListBuilder<ast::Option>& out);
  ast::OptionValue parse_copy_value();
  void parse_copy_force(ast::Option& option);
  ast::OptionValue string_value();
  List<ast::Option> parse_definition_list();  // (name [= value], ...)
  ast::OptionValue parse_definition_value();
  ast::Option word_option(std::string_view name, ast::Position position);
  const ast::Statement* parse_declare();
  const ast::Statement* parse_fetch_cursor();
  const ast::Statement* parse_lock();
  const ast::Statement* parse_small_statement();  // CLOSE, DISCARD, LISTEN, UNLISTEN, NOTIFY, CHECKPOINT

  Arena& arena_;
  Lexer lexer_;
  Token token_;
  ParseLimits limits_;
  std::size_t depth_ = 0;
  std::uint32_t previous_end_ = 0;  // byte after the last consumed token
  std::uint32_t parameter_count_ = 0;
  std::uint16_t tallest_ = 0;
  bool default_allowed_ = false;   // the next VALUES list may hold DEFAULT
  std::size_t default_depth_ = 0;  // nesting at which a row may hold DEFAULT; 0: nowhere
};

}  // namespace ldb::sql
