# Warnings, sanitizers and defines that every target of the project shares.

option(BUSBAR_CCACHE "Compile through ccache where it is installed" ON)
find_program(CCACHE_PROGRAM ccache)
if(BUSBAR_CCACHE AND CCACHE_PROGRAM AND NOT CMAKE_C_COMPILER_LAUNCHER)
    set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()

add_library(bb_common INTERFACE)
target_include_directories(bb_common INTERFACE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
target_compile_definitions(bb_common INTERFACE _GNU_SOURCE)
target_compile_options(bb_common INTERFACE
    -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Wundef
    -Wvla -Wformat=2 -Wno-unused-parameter -fno-strict-aliasing -fno-omit-frame-pointer)
if(BUSBAR_WERROR)
    target_compile_options(bb_common INTERFACE -Werror)
endif()
if(BUSBAR_SLOW_CHECKS)
    target_compile_definitions(bb_common INTERFACE BB_SLOW_CHECKS)
endif()
if(BUSBAR_SANITIZE)
    target_compile_options(bb_common INTERFACE -fsanitize=${BUSBAR_SANITIZE} -fno-sanitize-recover=all)
    target_link_options(bb_common INTERFACE -fsanitize=${BUSBAR_SANITIZE})
endif()
if(BUSBAR_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
        message(FATAL_ERROR "BUSBAR_FUZZ needs clang (libFuzzer); the compiler is ${CMAKE_C_COMPILER_ID}")
    endif()
    target_compile_options(bb_common INTERFACE -fsanitize=fuzzer-no-link)
endif()

# What programs are made of. Not -fPIC, which keeps gcc from inlining what other files see: the library that others link
# with is compiled on its own (cmake/library.cmake).
add_library(bb_options INTERFACE)
target_link_libraries(bb_options INTERFACE bb_common)
target_compile_options(bb_options INTERFACE -fPIE)
target_link_options(bb_options INTERFACE -pie)
if(BUSBAR_LTO)
    if(NOT CMAKE_C_COMPILER_ID STREQUAL "GNU")
        message(FATAL_ERROR "BUSBAR_LTO is set up for gcc only; the compiler is ${CMAKE_C_COMPILER_ID}")
    endif()
    # Fat objects hold both kinds of code: programs for users are optimised as a whole when they are linked (bb_program
    # in modules.cmake), tests and benchmarks take what is compiled already, which links faster.
    target_compile_options(bb_options INTERFACE -flto=auto -ffat-lto-objects)
    target_link_options(bb_options INTERFACE $<IF:$<BOOL:$<TARGET_PROPERTY:BB_WHOLE_PROGRAM>>,-flto=auto,-fno-lto>)
endif()
