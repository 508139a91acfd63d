/*
 * works.h - the works of bench_asio, a function each
 */
#ifndef EIDER_PERF_ASIO_WORKS_H
#define EIDER_PERF_ASIO_WORKS_H

/* jobs.cc */
void work_jobs();
void work_busy();
void work_loops();
/* roundtrip.cc */
void work_roundtrip();
/* burst.cc */
void work_burst();
void work_sleepers();
/* contexts.cc */
void work_contexts();
/* echo.cc */
void work_echo();
/* fiber.cc */
void work_spawn();
void work_switch();

#endif
