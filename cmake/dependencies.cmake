# The libraries of others that busbar links with; docs/decisions/0006-dependencies.md says why each is there.
# Sets BB_YAML_LIBRARY, BB_JANSSON_LIBRARY, BB_LMDB_LIBRARY, BB_TRANSPORT_LINK, BB_URING_LINK, BB_URING_FILE_OUT, BB_CMOCKA_LIBRARY, and the
# target bb_allocator, for programs only.

find_package(Threads REQUIRED)
find_library(BB_YAML_LIBRARY yaml REQUIRED)       # Debian: libyaml-dev
find_library(BB_JANSSON_LIBRARY jansson REQUIRED) # Debian: libjansson-dev
find_library(BB_LMDB_LIBRARY lmdb REQUIRED)       # Debian: liblmdb-dev
find_library(BB_CMOCKA_LIBRARY cmocka)            # Debian: libcmocka-dev; without it there are no unit tests

# TLS and WebSocket. A program that does not use them does not load them.
find_package(OpenSSL 3.0 REQUIRED)              # Debian: libssl-dev
find_library(BB_WSLAY_LIBRARY wslay REQUIRED)   # Debian: libwslay-dev
set(BB_TRANSPORT_LINK -Wl,--push-state,--as-needed OpenSSL::SSL OpenSSL::Crypto ${BB_WSLAY_LIBRARY} -Wl,--pop-state)

# Batched sends. Whether the kernel allows them is found out at run time.
option(BUSBAR_URING "Use io_uring where liburing is found (Debian: liburing-dev)" ON)
set(BB_URING_FILE_OUT sender_uring.c)
if(BUSBAR_URING)
    find_library(BB_URING_LIBRARY uring)
    if(BB_URING_LIBRARY)
        set(BB_URING_LINK ${BB_URING_LIBRARY})
        set(BB_URING_FILE_OUT sender_no_uring.c)
    endif()
endif()

# The allocator replaces malloc of the whole program, so only programs link with it, never a library of ours.
set(allocators auto glibc mimalloc jemalloc)
set_property(CACHE BUSBAR_ALLOCATOR PROPERTY STRINGS ${allocators})
if(NOT BUSBAR_ALLOCATOR IN_LIST allocators)
    message(FATAL_ERROR "BUSBAR_ALLOCATOR is '${BUSBAR_ALLOCATOR}', but must be one of: ${allocators}")
endif()

find_library(BB_MIMALLOC_LIBRARY mimalloc) # Debian: libmimalloc-dev
find_library(BB_JEMALLOC_LIBRARY jemalloc) # Debian: libjemalloc-dev
set(allocator ${BUSBAR_ALLOCATOR})
if(allocator STREQUAL "auto")
    set(allocator glibc)
    if(BB_MIMALLOC_LIBRARY AND NOT BUSBAR_SANITIZE) # sanitizers bring an allocator of their own
        set(allocator mimalloc)
    endif()
endif()

add_library(bb_allocator INTERFACE)
target_compile_definitions(bb_allocator INTERFACE BB_ALLOCATOR="${allocator}")
if(NOT allocator STREQUAL "glibc")
    string(TOUPPER ${allocator} upper)
    if(NOT BB_${upper}_LIBRARY)
        message(FATAL_ERROR "BUSBAR_ALLOCATOR is ${allocator}, but its library was not found (Debian: lib${allocator}-dev)")
    endif()
    # Nothing names a symbol that only the allocator has, so the linker must be told to keep it.
    target_link_options(bb_allocator INTERFACE -Wl,--no-as-needed)
    target_link_libraries(bb_allocator INTERFACE ${BB_${upper}_LIBRARY})
endif()
message(STATUS "Allocator of busbard: ${allocator}")

# The checksum of the journal: the processor's instruction for it is a file of its own.
set(BB_CRC32C_FILES_OUT crc32c_x86.c crc32c_arm.c crc32c_plain.c)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64)$")
    list(REMOVE_ITEM BB_CRC32C_FILES_OUT crc32c_x86.c)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
    list(REMOVE_ITEM BB_CRC32C_FILES_OUT crc32c_arm.c)
else()
    list(REMOVE_ITEM BB_CRC32C_FILES_OUT crc32c_plain.c)
endif()
