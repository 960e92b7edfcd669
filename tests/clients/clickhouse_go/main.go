// SPDX-License-Identifier: MIT

// The driver that Grafana's ClickHouse data source uses, over HTTP, with each of its compressions.
//
// Usage: clickhouse_go HOST:PORT USER PASSWORD
// Prints TAP. The table t (a Int32, b String) is there and empty.
package main

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

const rows = 50000

var tests, failures int

func check(what string, err error) {
	tests++
	if err != nil {
		failures++
		fmt.Printf("not ok %d - %s: %v\n", tests, what, err)
		return
	}
	fmt.Printf("ok %d - %s\n", tests, what)
}

func open(method clickhouse.CompressionMethod) (driver.Conn, error) {
	return clickhouse.Open(&clickhouse.Options{
		Addr:        []string{os.Args[1]},
		Protocol:    clickhouse.HTTP,
		Auth:        clickhouse.Auth{Database: "default", Username: os.Args[2], Password: os.Args[3]},
		Compression: &clickhouse.Compression{Method: method},
		DialTimeout: 20 * time.Second,
		ReadTimeout: 60 * time.Second,
	})
}

// Rows in, by one insert, and out again, all of them.
func roundTrip(ctx context.Context, conn driver.Conn) error {
	batch, err := conn.PrepareBatch(ctx, "INSERT INTO t (a, b)")
	if err != nil {
		return err
	}
	for i := 0; i < rows; i++ {
		if err := batch.Append(int32(i), strings.Repeat("x", i%50)); err != nil {
			return err
		}
	}
	if err := batch.Send(); err != nil {
		return err
	}
	result, err := conn.Query(ctx, "SELECT a, b FROM t ORDER BY a")
	if err != nil {
		return err
	}
	defer result.Close()
	seen := int32(0)
	for result.Next() {
		var a int32
		var b string
		if err := result.Scan(&a, &b); err != nil {
			return err
		}
		if a != seen || b != strings.Repeat("x", int(seen)%50) {
			return fmt.Errorf("row %d is %d, %q", seen, a, b)
		}
		seen++
	}
	if err := result.Err(); err != nil {
		return err
	}
	if seen != rows {
		return fmt.Errorf("%d rows of %d", seen, rows)
	}
	return conn.Exec(ctx, "TRUNCATE TABLE t")
}

// Columns of every kind stand before the last one, whose values show that all were read to their end.
const types = `SELECT number::UInt8, number::Int256, number::Float32, number % 2 = 0, toDate(number), toDate32(number),
  toDateTime(number, 'UTC'), toDateTime64(number, 9, 'UTC'), toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0'),
  toIPv4('127.0.0.1'), toIPv6('::1'), toFixedString('abc', 5), toDecimal32(number, 2), toDecimal64(number, 4), toDecimal128(number, 6),
  CAST(number % 2, 'Enum8(\'a, (b\' = 0, \'c\\\'d\' = 1)'), toString(number), if(number % 2, NULL, toString(number)),
  toLowCardinality(toString(number % 3)), toLowCardinality(if(number % 2, NULL, 'x')), range(number % 4),
  arrayMap(x -> toLowCardinality(toString(x)), range(number % 3)), map('k', number, 'l', number + 1),
  (number, toString(number), [number]), CAST((number, 'x'), 'Tuple(a UInt64, b String)'), [[number], []], number::UInt32 AS last
  FROM numbers(1000) SETTINGS max_block_size = 300`

func everyType(ctx context.Context, conn driver.Conn) error {
	result, err := conn.Query(ctx, types)
	if err != nil {
		return err
	}
	defer result.Close()
	seen := uint32(0)
	for result.Next() {
		var values []any
		for _, column := range result.ColumnTypes() {
			values = append(values, reflect.New(column.ScanType()).Interface())
		}
		if err := result.Scan(values...); err != nil {
			return err
		}
		if last := *values[len(values)-1].(*uint32); last != seen {
			return fmt.Errorf("row %d ends in %d", seen, last)
		}
		seen++
	}
	if err := result.Err(); err != nil {
		return err
	}
	if seen != 1000 {
		return fmt.Errorf("%d rows of 1000", seen)
	}
	return nil
}

// An error has ClickHouse's number and text.
func exception(ctx context.Context, conn driver.Conn) error {
	_, err := conn.Query(ctx, "SELECT nothing_of_this_name")
	if err == nil || !strings.Contains(err.Error(), "UNKNOWN_IDENTIFIER") {
		return fmt.Errorf("the error is %v", err)
	}
	return nil
}

func main() {
	ctx := context.Background()
	for _, method := range []clickhouse.CompressionMethod{clickhouse.CompressionNone, clickhouse.CompressionLZ4, clickhouse.CompressionGZIP} {
		conn, err := open(method)
		if err != nil {
			check(method.String(), err)
			continue
		}
		check(method.String()+": ping", conn.Ping(ctx))
		check(method.String()+": rows in and out", roundTrip(ctx, conn))
		check(method.String()+": a column of every type", everyType(ctx, conn))
		check(method.String()+": an exception", exception(ctx, conn))
		conn.Close()
	}
	fmt.Printf("1..%d\n", tests)
	if failures > 0 {
		os.Exit(1)
	}
}
