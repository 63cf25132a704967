# Tests of the project itself: lint, headers that compile alone, the README's program, a foreign project against an install tree.
file(GLOB public_headers RELATIVE ${PROJECT_SOURCE_DIR}/include CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/ldb/*.hpp)
set(alone "")
foreach(header ${public_headers})
  string(REPLACE "/" "_" name ${header})
  set(source ${CMAKE_CURRENT_BINARY_DIR}/alone/${name}.cpp)
  file(CONFIGURE OUTPUT ${source} CONTENT "#include <${header}>\n#include <${header}>\n")
  list(APPEND alone ${source})
endforeach()
add_library(ldb_headers_alone OBJECT ${alone})
target_include_directories(ldb_headers_alone PRIVATE ${PROJECT_SOURCE_DIR}/include)
target_link_libraries(ldb_headers_alone PRIVATE ldb_compile_options)

if(NOT LDB_SANITIZE)
  ldb_tests(project real)  # reads the sources; no sanitizer sees more there
endif()

# Whole programs, under the sanitizers too.
if(TARGET three_nodes)
  add_test(NAME project.three_nodes COMMAND three_nodes)
  set_tests_properties(project.three_nodes PROPERTIES TIMEOUT 300 LABELS project)
endif()
if(TARGET ldbsh)
  find_package(Python3 COMPONENTS Interpreter)
  if(Python3_FOUND)
    add_test(NAME project.ldbsh COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tests/project/ldbsh_test.py $<TARGET_FILE:ldbsh>)
    set_tests_properties(project.ldbsh PROPERTIES TIMEOUT 300 LABELS project)
  endif()
endif()

if(NOT LDB_SANITIZE AND LDB_BUILD_EXAMPLES AND NOT LDB_PLANTED_BUGS)
  add_test(NAME project.install COMMAND ${PROJECT_SOURCE_DIR}/tests/project/install_test.sh ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
  set_tests_properties(project.install PROPERTIES TIMEOUT 600 LABELS project)
  add_test(NAME project.postgres COMMAND ${PROJECT_SOURCE_DIR}/scripts/compare-postgres ${PROJECT_BINARY_DIR}/bin/ldbsh)
  set_tests_properties(project.postgres PROPERTIES TIMEOUT 600 LABELS project)
endif()

if(TARGET ldbdump)
  add_test(NAME project.ldbdump COMMAND ${PROJECT_SOURCE_DIR}/tests/project/ldbdump_test.sh $<TARGET_FILE:ldbsh> $<TARGET_FILE:ldbdump>)
  set_tests_properties(project.ldbdump PROPERTIES TIMEOUT 60 LABELS project)
endif()

find_package(CLI11 2 REQUIRED CONFIG)

# kill -9 of a writing process; scripts/torture runs more rounds.
ldb_executable(torture SOURCES torture/torture.cpp LIBS ldb CLI11::CLI11)
if(NOT LDB_SANITIZE)
  add_test(NAME torture.kill9 COMMAND torture --rounds 20)
  set_tests_properties(torture.kill9 PROPERTIES TIMEOUT 300 LABELS project RUN_SERIAL ON)
endif()

# Runs folders of sqllogictest files that lie outside the project: scripts/conformance.
ldb_executable(sql_conformance SOURCES sql/conformance.cpp sql/slt_runner.cpp sql/sql_mutator.cpp LIBS ldb CLI11::CLI11)
target_include_directories(sql_conformance PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})

# The simulated cluster.
if(LDB_BUILD_SIM)
  file(GLOB simulate_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/simulate/*.cpp)
  ldb_executable(simulate SOURCES ${simulate_sources} LIBS ldb_sim fmt::fmt CLI11::CLI11)
  target_include_directories(simulate PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests/simulate)
  add_dependencies(ldb_sim_tests simulate)
  foreach(first 1 101 201)  # a test each hundred, for two processors
    add_test(NAME sim.seeds_from_${first} COMMAND simulate --seed ${first} --count 100)
    set_tests_properties(sim.seeds_from_${first} PROPERTIES TIMEOUT 1200 LABELS sim)
  endforeach()
  ldb_executable(soak SOURCES soak/soak.cpp LIBS ldb_sim CLI11::CLI11)
  add_dependencies(ldb_sim_tests soak)
  add_test(NAME sim.soak COMMAND soak --seed 1 --count 20)
  set_tests_properties(sim.soak PROPERTIES TIMEOUT 600 LABELS sim)
  add_test(NAME sim.replay COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/simulate/replay_test.sh $<TARGET_FILE:simulate>)
  set_tests_properties(sim.replay PROPERTIES TIMEOUT 300 LABELS sim)
  add_test(NAME sim.report_can_fail COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/simulate/report_test.sh $<TARGET_FILE:simulate>)
  set_tests_properties(sim.report_can_fail PROPERTIES TIMEOUT 300 LABELS sim)
  if(LDB_PLANTED_BUGS)
    foreach(bug apply streaming recovery collection index)
      add_test(NAME sim.finds_planted_${bug} COMMAND simulate --seed 1 --count 300 --plant ${bug} --expect-failure)
      set_tests_properties(sim.finds_planted_${bug} PROPERTIES TIMEOUT 1200 LABELS sim)
    endforeach()
  endif()
endif()

# The simulated build is GCC's; clang compiles its sources too, for the sake of its warnings: once is enough.
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang" AND NOT LDB_BUILD_SIM AND NOT LDB_SANITIZE MATCHES "thread")
  file(GLOB_RECURSE sim_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/base/sim/*.cpp ${PROJECT_SOURCE_DIR}/src/net/sim/*.cpp
    ${CMAKE_CURRENT_SOURCE_DIR}/sim/*.cpp ${CMAKE_CURRENT_SOURCE_DIR}/simulate/*.cpp)
  ldb_object_library(ldb_sim_by_clang sim ${sim_sources})
  target_include_directories(ldb_sim_by_clang PRIVATE ${CMAKE_CURRENT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/simulate)
  target_link_libraries(ldb_sim_by_clang PRIVATE Catch2::Catch2)
  target_compile_options(ldb_sim_by_clang PRIVATE -O0)
endif()

# PostgreSQL's own grammar judges the parser, where libpg_query is installed.
include(${CMAKE_CURRENT_SOURCE_DIR}/sql/parse/judge.cmake)
