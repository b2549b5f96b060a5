/** Binary collation: names, tags and digests are case-sensitive and ordered as ASCII, whatever the server's default is. */
export const TABLE_OPTIONS = 'ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin';
