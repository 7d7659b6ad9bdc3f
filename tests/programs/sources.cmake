# SPDX-License-Identifier: MIT OR Apache-2.0
# Programs of others that tests run as agents: Debian's source archives. `cmake -P` from the root of the repository, by build.py.
include(${CMAKE_CURRENT_LIST_DIR}/../../cmake/third_party.cmake)
rvm_debian_source(lua POOL main/l/lua5.4 ARCHIVE lua5.4_5.4.4.orig.tar.gz FOLDER lua-5.4.4
  SHA256 164c7849653b80ae67bec4b7473b884bf5cc8d2dca05653475ec2ed27b9ebf61)
rvm_debian_source(lua51 POOL main/l/lua5.1 ARCHIVE lua5.1_5.1.5.orig.tar.gz FOLDER lua-5.1.5
  SHA256 2640fc56a795f29d28ef15e13c34a47e223960b0240e8cb0a82d9b0738695333)
# Lua's own tests are not in Debian's packages of Lua. This one has those of 5.1.
rvm_debian_source(lua51_tests POOL main/g/golang-github-yuin-gopher-lua FOLDER gopher-lua
  ARCHIVE golang-github-yuin-gopher-lua_0.0~git20170915.0.eb1c729.orig.tar.xz
  SHA256 4930565f2f9596a0a47bc84b8c4c535655e8c3206b0d8dd8d2728803dab996e7)
rvm_debian_source(sqlite POOL main/s/sqlite3 ARCHIVE sqlite3_3.40.1.orig.tar.xz FOLDER sqlite3-3.40.1
  SHA256 aaa776260ab4dc976db34aa7891819484c8676b5b2783123ebc6301e2ca5d655)
rvm_debian_source(bzip2 POOL main/b/bzip2 ARCHIVE bzip2_1.0.8.orig.tar.gz FOLDER bzip2-1.0.8
  SHA256 ab5a03176ee106d3f0fa90e381da478ddae405918153cca248e682cd0c4a2269)
rvm_debian_source(zstd POOL main/libz/libzstd ARCHIVE libzstd_1.5.4+dfsg2.orig.tar.xz FOLDER zstd-1.5.4
  SHA256 8cf4bbb65e77ec348d052c8d6230eba66d435bddf64c8b5be2fcb16880c19953)
rvm_debian_source(quickjs POOL main/q/quickjs ARCHIVE quickjs_2025.04.26.orig.tar.xz FOLDER quickjs-2025.04.26
  SHA256 ec81da5b3249ed648dbc7df4a1654988910e66a118d9b71cb63534216efcfbbe)
rvm_debian_source(libsodium POOL main/libs/libsodium ARCHIVE libsodium_1.0.18.orig.tar.gz FOLDER libsodium-1.0.18
  SHA256 d59323c6b712a1519a5daf710b68f5e7fde57040845ffec53850911f10a5d4f4)
